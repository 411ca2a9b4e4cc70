#!/usr/bin/env bash
# Unpacks Debian's chromium and chromium-driver, with the libraries that the system lacks, into DIR. Nothing is installed and nobody need be root.
# usage: chromium.sh DIR     (then: source DIR/env, which sets CHROMIUM, CHROMEDRIVER and CHROMIUM_LIBRARIES)
set -euo pipefail
directory=$(realpath -m "$1")
root=$directory/root

works() {
    [[ -f $directory/env ]] || return 1
    # shellcheck disable=SC1091
    source "$directory/env"
    LD_LIBRARY_PATH=$CHROMIUM_LIBRARIES timeout 60 "$CHROMIUM" --version && LD_LIBRARY_PATH=$CHROMIUM_LIBRARIES timeout 60 "$CHROMEDRIVER" --version
}

if works 2>/dev/null; then exit 0; fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "chromium.sh: this is no Debian" >&2; exit 1; }
rm -rf "$root"
mkdir -p "$directory"/{debs,root,apt/lists/partial,apt/cache/archives/partial}

# apt with a state of its own: no lock of the system's is needed, and the lists are today's.
apt() {
    apt-get -q -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Dir::State="$directory/apt" \
        -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$directory/apt/cache" "$@"
}
apt update >/dev/null
# What the system lacks, by a simulated installation.
mapfile -t names < <(apt install -s -y --no-install-recommends chromium chromium-driver | awk '/^Inst / { print $2 }')
[[ ${#names[@]} -gt 0 ]] || { echo "chromium.sh: apt has nothing to fetch; are chromium and chromium-driver installed?" >&2; exit 1; }
(cd "$directory/debs" && apt download "${names[@]}" >/dev/null)
for package in "$directory"/debs/*.deb; do dpkg-deb -x "$package" "$root"; done
rm -rf "$directory/debs" "$directory/apt"
# Some libraries lie in directories of their own, which an installed system finds by absolute paths.
libraries=$(find "$root/usr/lib" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
printf 'CHROMIUM=%q\nCHROMEDRIVER=%q\nCHROMIUM_LIBRARIES=%q\n' \
    "$root/usr/lib/chromium/chromium" "$root/usr/bin/chromedriver" "$libraries" > "$directory/env"
works || { echo "chromium.sh: unpacked, but it does not start" >&2; exit 1; }
