#!/usr/bin/env bash
# Opens reports in headless Chromium and uses them as a reader would (page.py): figures, values, zoom, switches, slider, keys, printing.
#
# Exit codes: 0 all is well · 77 skipped, no Chromium or no Selenium can be had · anything else a failure.
# PGFLOW=path/to/pgflow uses that binary instead of building one. ARTEFACTS=DIR keeps screenshots and the printed page there
# [default: target/browser-artefacts].
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
venv=$target/browser-venv
python=$venv/bin/python
artefacts=${ARTEFACTS:-$target/browser-artefacts}

skip() {
    echo "!!! ================================================================== !!!" >&2
    echo "!!! BROWSER TESTS SKIPPED: $*" >&2
    echo "!!! No report of this build has been opened in a browser.               !!!" >&2
    echo "!!! ================================================================== !!!" >&2
    exit 77
}

mkdir -p "$target"
if [[ -z ${CHROMIUM:-} ]]; then
    if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
        CHROMIUM=$(command -v chromium) CHROMEDRIVER=$(command -v chromedriver) CHROMIUM_LIBRARIES=
    else
        tests/browser/chromium.sh "$target/browser" || skip "chromium and chromium-driver cannot be unpacked"
        # shellcheck disable=SC1091
        source "$target/browser/env"
    fi
fi
export CHROMIUM CHROMEDRIVER CHROMIUM_LIBRARIES

command -v python3 >/dev/null || skip "no Python"
if ! "$python" -c 'import selenium' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv" || skip "python3 -m venv failed"
    "$python" -m pip install --quiet --disable-pip-version-check 'selenium>=4.20' || skip "pip could not install selenium"
fi

if [[ -z ${PGFLOW:-} ]]; then
    cargo build --release --locked --quiet
    PGFLOW=$target/release/pgflow
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$artefacts"
mkdir -p "$artefacts"

# use NAME [option…]: uses the report of the run or sweep NAME.
use() {
    local name=$1
    shift
    "$python" tests/browser/page.py use "$work/$name/report.html" "$artefacts/$name" "$@"
}
# run NAME [option…]: the quickstart, changed. A trajectory may diverge.
run() {
    local name=$1 code=0
    shift
    "$PGFLOW" run configs/quickstart.toml -o "$work/$name" -q --report "$@" || code=$?
    [[ $code -le 1 ]]
}

echo "--- functions of the script"
"$python" tests/browser/page.py units src/report/page

echo "--- quickstart"
run quickstart
use quickstart --most-bytes 5000000

echo "--- fifty trajectories, a thousand samples each"
run fifty --set record.samples=1000 --set "trajectory[gd].gradient_descent.step=[$(seq -s, -f '%.4f' 0.02 0.002 0.116)]"
use fifty --most-bytes 10000000 --most-seconds 2 --trajectories 50

echo "--- two hundred trajectories, two samples each"
run many --set record.samples=2 --set record.horizon=20.0 --set "trajectory[gd].gradient_descent.step=[$(seq -s, -f '%.4f' 0.01 0.001 0.208)]"
use many --trajectories 200

echo "--- a trajectory that diverges"
run diverged --set 'trajectory[gd].gradient_descent.step=[2.5,0.1]' --set record.singular_vectors=0
use diverged --trajectories 3

echo "--- a sweep"
{
    cat configs/quickstart.toml
    printf '\n[sweep]\n"init.gaussian.scale" = [1e-1, 1e-2, 1e-3]\n"sensing.gaussian.measurements" = [200, 300, 500]\n'
} > "$work/sweep.toml"
"$PGFLOW" sweep plan "$work/sweep.toml" -o "$work/sweep" --set record.horizon=15.0 --set record.samples=11 --set 'trajectory[gd].gradient_descent.step=[0.1]' >/dev/null
"$PGFLOW" sweep run "$work/sweep" -q
"$PGFLOW" report "$work/sweep"
use sweep --trajectories 0
