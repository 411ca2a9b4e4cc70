#!/bin/sh
# Evaluations against true error, pgflow and SciPy on the same instances: benches/work_precision/run.sh [OUT_DIR]
# Counts have no noise, so nothing else on the machine matters. Takes about an hour on two cores, most of it SciPy's; what SciPy came to is kept in
# OUT_DIR and used again, since instances do not change. SEEDS=1 for a quick look. WORK_PRECISION_VENV names a Python environment with NumPy and SciPy
# (and Matplotlib, for the diagrams) to use in the place of one of its own.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-target/work_precision}
seeds=${SEEDS:-5}
venv=${WORK_PRECISION_VENV:-target/work_precision_venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" -q install numpy scipy matplotlib
fi
cargo build --release --locked
# Rows of an earlier build must not be taken for this one's.
rm -f "$out/pgflow.csv"
cargo bench --bench work_precision -- "$out" --seeds "$seeds"
short="k10a3_T20 k10a3_T60 k2a6_T20 k2a6_T60"
for case in $short; do
    for seed in $(seq "$seeds"); do
        [ -e "$out/${case}_${seed}_scipy.npz" ] && continue
        target/release/pgflow instance "$out/${case}_$seed.toml" -o "$out/${case}_$seed.npz" --dense
    done
done
# shellcheck disable=SC2086
SEEDS=$seeds "$venv/bin/python" benches/work_precision/scipy_flow.py "$out" $short
find "$out" -name '*.npz' ! -name '*_scipy.npz' -delete
"$venv/bin/python" benches/work_precision/table.py "$out" | tee "$out/table.md"
