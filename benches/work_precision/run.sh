#!/bin/sh
# Evaluations against true error, pgflow and SciPy on the same instances: benches/work_precision/run.sh [OUT_DIR]
# Counts have no noise, so nothing else on the machine matters. Takes about an hour on two cores. SEEDS=1 for a quick look.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-target/work_precision}
seeds=${SEEDS:-5}
venv=target/work_precision_venv
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" -q install numpy scipy matplotlib
fi
cargo build --release --locked
cargo bench --bench work_precision -- "$out" --seeds "$seeds"
short="k10a3_T20 k10a3_T60 k2a6_T20 k2a6_T60"
for case in $short; do
    for seed in $(seq "$seeds"); do
        target/release/pgflow instance "$out/${case}_$seed.toml" -o "$out/${case}_$seed.npz" --dense
    done
done
# shellcheck disable=SC2086
SEEDS=$seeds "$venv/bin/python" benches/work_precision/scipy_flow.py "$out" $short
rm -f "$out"/*.npz
"$venv/bin/python" benches/work_precision/table.py "$out" | tee "$out/table.md"
