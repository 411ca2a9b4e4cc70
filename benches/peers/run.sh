#!/usr/bin/env bash
# pgflow against what a user would pick instead, alternating in one run; prints one table of ratios (docs/performance.md has the method).
#
#   benches/peers/run.sh ROW…      the rows of rows.py, e.g. step-L batch-M-32 flow; minutes each
#   benches/peers/run.sh --all     all of them
#   benches/peers/run.sh --list
#
# --threads 1,2, --json FILE (appends a line a row) and --tolerances FILE (of flows, found once) are passed on. Peers live in a virtual environment of the script's own
# (PEERS_VENV, by default target/peers-venv), filled from PyPI on the first run; a peer that cannot be had is skipped, loudly.
# PGFLOW=… and PEERS_BENCH=… name binaries that are built already. Nothing else should run on the machine.
#
# Exit codes: 0 done · 77 NumPy and SciPy cannot be had · anything else a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/peers
target=${CARGO_TARGET_DIR:-target}
venv=${PEERS_VENV:-$target/peers-venv}
python=$venv/bin/python

loud() { echo "!!! $*" >&2; }

has() { "$python" -c "import $1" 2>/dev/null; }

install() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }

if [[ ! -x $python ]]; then
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv"
fi
has numpy && has scipy || install numpy scipy || { loud "COMPARISON SKIPPED: NumPy and SciPy cannot be had"; exit 77; }
has jax || install "jax[cpu]" || loud "JAX cannot be had: its columns will be missing"
has diffrax || install diffrax || loud "diffrax cannot be had: its columns will be missing"
# The processor-only build where its index can be reached; PyPI's brings gigabytes for graphics processors.
has torch || install torch --index-url https://download.pytorch.org/whl/cpu 2>/dev/null || install torch || loud "PyTorch cannot be had"
has torchdiffeq || install torchdiffeq || loud "torchdiffeq cannot be had: its columns will be missing"

if [[ -z ${PGFLOW:-} ]]; then
    cargo build --release --locked --quiet
    PGFLOW=$target/release/pgflow
fi
if [[ -z ${PEERS_BENCH:-} ]]; then
    PEERS_BENCH=$(cargo bench --locked --no-run --bench peers --message-format=json 2>/dev/null |
        "$python" -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable")][-1])')
fi
export PGFLOW PEERS_BENCH

echo "$(uname -m), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
"$python" - <<'PY'
import importlib.metadata as metadata, platform
names = ["numpy", "scipy", "torch", "torchdiffeq", "jax", "diffrax"]
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in names))
PY
"$python" "$here/main.py" "$@"
