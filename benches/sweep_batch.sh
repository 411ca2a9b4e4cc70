#!/usr/bin/env bash
# Time of 64 points on one instance through a sweep, against 64 runs of `pgflow run`, both on all cores.
#
# usage: benches/sweep_batch.sh [SIZE…]      sizes quickstart, M, L (default: quickstart M)
# PGFLOW=path/to/pgflow uses that binary; RUNS=8 makes 8 of the 64 separate runs and multiplies their time by 8.
#
# Three grids: 64 sizes α of the initial factors, each a flow and a descent (so that nothing but the operator is shared, and a single run shares passes between two already); the
# same with the descent alone; and 64 step sizes of a descent beside one flow (which the sweep computes once).
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ -z ${PGFLOW:-} ]]; then
    cargo build --release --locked --quiet
    PGFLOW=${CARGO_TARGET_DIR:-target}/release/pgflow
fi
runs=${RUNS:-64}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# config SIDE WIDTH MEASUREMENTS HORIZON SAMPLES
config() {
    cat <<C
name = "batch"
seed = 7
[target]
rows = $1
cols = $1
rank = 2
singular_values = [1.0, 0.5]
[sensing.gaussian]
measurements = $3
[model]
width = $2
[init.gaussian]
scale = 1e-3
[record]
horizon = $4
samples = $5
[[trajectory]]
name = "flow"
[trajectory.flow]
method = "dop853"
[[trajectory]]
name = "gd"
[trajectory.gradient_descent]
step = 0.1
C
}

seconds() { date +%s.%N; }

# measure SIZE WHAT AXIS VALUE…: an axis with 64 values.
measure() {
    local size=$1 what=$2 axis=$3 begin separate together
    shift 3
    local values=("$@")
    begin=$(seconds)
    for ((k = 0; k < runs; k++)); do
        "$PGFLOW" run "$work/$size.toml" -o "$work/run-$k" --force -q --set "$axis=${values[k * 64 / runs]}" >/dev/null
    done
    separate=$(echo "($(seconds) - $begin) * 64 / $runs" | bc -l)
    { cat "$work/$size.toml"; printf '[sweep]\n"%s" = [%s]\n' "$axis" "$(IFS=,; echo "${values[*]}")"; } > "$work/sweep.toml"
    rm -rf "$work/sweep"
    begin=$(seconds)
    "$PGFLOW" sweep plan "$work/sweep.toml" -o "$work/sweep" >/dev/null
    "$PGFLOW" sweep run "$work/sweep" -q
    "$PGFLOW" sweep collect "$work/sweep" 2>/dev/null
    together=$(echo "$(seconds) - $begin" | bc -l)
    printf '%-10s  %-38s  %8.2f s  %8.2f s  %5.2f\n' "$size" "$what" "$separate" "$together" "$(echo "$together / $separate" | bc -l)"
}

mapfile -t scales < <(awk 'BEGIN { for (k = 0; k < 64; k++) printf "%.6e\n", 10 ^ (-1 - 5 * k / 63) }')
mapfile -t steps < <(awk 'BEGIN { for (k = 0; k < 64; k++) printf "%.6e\n", 0.1 * 4 ^ (-k / 63) }')
printf '%-10s  %-38s  %10s  %10s  %5s\n' size grid "64 runs" sweep ratio
for size in "${@:-quickstart M}"; do
    for size in $size; do
        case $size in
            quickstart) config 40 30 700 60 200 | sed 's/cols = 40/cols = 30/' ;;
            M) config 50 50 1500 60 200 ;;
            L) config 100 50 5000 30 100 ;;
            *) echo "unknown size $size: quickstart, M, L" >&2; exit 2 ;;
        esac > "$work/$size.toml"
        measure "$size" "sizes of the start, flow and descent" init.gaussian.scale "${scales[@]}"
        measure "$size" "step sizes of a descent, and a flow" 'trajectory[gd].gradient_descent.step' "${steps[@]}"
        # Without the flow.
        sed -i '/^\[\[trajectory\]\]$/{N;/flow/{N;N;d}}' "$work/$size.toml"
        measure "$size" "sizes of the start, descent" init.gaussian.scale "${scales[@]}"
    done
done
