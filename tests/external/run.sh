#!/usr/bin/env bash
# Recomputes exported instances and runs with NumPy and SciPy, in a virtual environment of its own: check.py instances and two runs, steps.py methods that
# make steps, flows.py flows and what disturbs them, bounds.py a-posteriori bounds; resume.py interrupts runs.
#
# Exit codes: 0 everything agrees · 77 skipped, NumPy and SciPy cannot be had · anything else a failure.
# PGFLOW=path/to/pgflow uses that binary instead of building one.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
venv=$target/external-venv
python=$venv/bin/python

skip() {
    echo "!!! ================================================================== !!!" >&2
    echo "!!! EXTERNAL CHECK SKIPPED: $*" >&2
    echo "!!! No number of this build has been recomputed by NumPy and SciPy.     !!!" >&2
    echo "!!! ================================================================== !!!" >&2
    exit 77
}

# `match` needs Python 3.10.
command -v python3 >/dev/null && python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || skip "no Python 3.10 or later"
if ! "$python" -c 'import numpy, scipy' 2>/dev/null; then
    mkdir -p "$target"
    rm -rf "$venv"
    python3 -m venv "$venv" || skip "python3 -m venv failed"
    "$python" -m pip install --quiet --disable-pip-version-check 'numpy>=1.26' 'scipy>=1.11' || skip "pip could not install numpy and scipy"
fi
"$python" -c 'import numpy, scipy, sys; print("Python", sys.version.split()[0], "NumPy", numpy.__version__, "SciPy", scipy.__version__)'

if [[ -z ${PGFLOW:-} ]]; then
    cargo build --release --locked --quiet
    PGFLOW=$target/release/pgflow
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "--- instances of configs/quickstart.toml"
"$PGFLOW" instance configs/quickstart.toml -o "$work/plain.npz"
"$PGFLOW" instance configs/quickstart.toml -o "$work/noisy.npz" --set sensing.gaussian.noise=0.05
"$PGFLOW" instance configs/quickstart.toml -o "$work/single.npz" --set 'sensing.gaussian.storage="f32"'
"$python" tests/external/check.py instances "$work/plain.npz" "$work/noisy.npz" "$work/single.npz" 0.05

echo "--- structured ensembles"
tables=(rademacher.measurements=700 rank_one.measurements=700 hadamard.measurements=700 entries.measurements=700 pauli.measurements=700)
for table in "${tables[@]}"; do
    name=${table%%.*}
    # Pauli measurements need a square target whose side is a power of two.
    side=$([[ $name == pauli ]] && echo 32 || echo 40)
    sed "s/\\[sensing.gaussian\\]/[sensing.$name]/; s/rows = 40/rows = $side/; s/cols = 30/cols = $((side == 32 ? 32 : 30))/" configs/quickstart.toml > "$work/$name.toml"
    "$PGFLOW" instance "$work/$name.toml" -o "$work/$name.npz" --set "sensing.$table"
    "$PGFLOW" instance "$work/$name.toml" -o "$work/$name-dense.npz" --set "sensing.$table" --dense
    "$python" tests/external/check.py structured "$work/$name.npz" "$work/$name-dense.npz"
done

echo "--- run of configs/external.toml"
"$PGFLOW" instance configs/external.toml -o "$work/external.npz"
"$PGFLOW" run configs/external.toml -o "$work/external" -q
"$python" tests/external/check.py run "$work/external.npz" "$work/external"

echo "--- run of configs/symmetric.toml"
"$PGFLOW" instance configs/symmetric.toml -o "$work/symmetric.npz"
"$PGFLOW" run configs/symmetric.toml -o "$work/symmetric" -q --set record.snapshots=true
"$python" tests/external/check.py symmetric "$work/symmetric.npz" "$work/symmetric"

# Small matrices: threads of NumPy's linear algebra only wait for each other.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

echo "--- random numbers"
"$python" tests/external/randomness.py

# recompute SCRIPT CONFIG NAME [OPTION…]: exports the instance, runs, and has the script look at both.
recompute() {
    local script=$1 config=$2 name=$3
    shift 3
    echo "--- $name"
    "$PGFLOW" instance "$config" -o "$work/$name.npz" --dense "$@"
    "$PGFLOW" run "$config" -o "$work/$name" -q "$@"
    "$python" "tests/external/$script" "$work/$name.npz" "$work/$name"
}

methods=tests/external/methods
recompute steps.py $methods/steps.toml steps
recompute steps.py $methods/symmetric.toml symmetric-steps
recompute bounds.py $methods/bounds.toml bounds
"$python" tests/external/flows.py prepare $methods/flows.toml "$work/flows"
for model in asymmetric symmetric; do
    recompute flows.py "$work/flows/$model/flows.toml" "flows-$model"
done
# Not --dense: the inputs of the network are what is exported.
echo "--- network"
"$PGFLOW" instance $methods/network.toml -o "$work/network.npz"
"$PGFLOW" run $methods/network.toml -o "$work/network" -q
"$python" tests/external/steps.py "$work/network.npz" "$work/network"

# Fewer steps; batches that fit the fewest measurements among these.
small=(--set record.horizon=1.5 --set record.samples=4 --set 'trajectory[sgd].stochastic_gradient_descent.batch=[5,45]')
for ensemble in rademacher rank_one hadamard entries; do
    recompute steps.py $methods/steps.toml "steps-$ensemble" --set "sensing={$ensemble={measurements=60,noise=0.02}}" "${small[@]}"
done
for ensemble in hadamard pauli entries; do
    recompute steps.py $methods/symmetric.toml "symmetric-steps-$ensemble" --set "sensing={$ensemble={measurements=50,noise=0.02}}" "${small[@]}"
done

echo "--- interrupted and resumed"
"$python" tests/external/resume.py "$PGFLOW" "$work/resumed-steps" $methods/steps.toml --set record.horizon=60
"$python" tests/external/resume.py "$PGFLOW" "$work/resumed-symmetric" $methods/symmetric.toml --set record.horizon=90
"$python" tests/external/resume.py "$PGFLOW" "$work/resumed-network" $methods/network.toml --set record.horizon=30
"$python" tests/external/resume.py "$PGFLOW" "$work/resumed-pauli" $methods/symmetric.toml \
    --set 'sensing={pauli={measurements=50,noise=0.02}}' "${small[@]}" --set record.horizon=60
