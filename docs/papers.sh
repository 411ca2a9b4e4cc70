#!/bin/sh
# Runs every experiment of configs/papers and draws its figures.
#
#     docs/papers.sh [--quick] [OUT]        OUT: where runs and figures go, runs/papers by default
#
# --quick reduces sizes and horizons, so that all takes a few minutes on two cores; what is reduced is printed. Without it the files run as they
# are, which takes an hour or so, most of it for figure 1 of LMZ18 (not measured). PGFLOW names the program: target/release/pgflow by default.
set -eu
quick=no
if [ "${1:-}" = "--quick" ]; then quick=yes; shift; fi
out=${1:-runs/papers}
root=$(cd "$(dirname "$0")/.." && pwd)
pgflow=${PGFLOW:-$root/target/release/pgflow}
configs=$root/configs/papers
mkdir -p "$out"

# paper NAME [--set …]…: a run and its figures. A trajectory that diverges (exit code 1) is a result.
paper() {
    name=$1
    shift
    if [ "$quick" = yes ] && [ $# -gt 0 ]; then echo "$name, reduced: $*"; else [ "$quick" = yes ] || set --; fi
    "$pgflow" run "$configs/$name.toml" -o "$out/$name" --force -q "$@" || [ $? -eq 1 ]
    "$pgflow" plot "$out/$name" --data
}

# study NAME TABLE [--set …]…: a sweep over a file of one run, its collected table and its figures.
study() {
    name=$1
    table=$2
    shift 2
    if [ "$quick" = yes ]; then echo "$name, reduced: $*"; else set --; fi
    { cat "$configs/$name.toml"; printf '\n[sweep]\n%s\n' "$table"; } > "$out/$name-sweep.toml"
    "$pgflow" sweep plan "$out/$name-sweep.toml" -o "$out/$name-sweep" --force "$@"
    "$pgflow" sweep run "$out/$name-sweep" -q || [ $? -eq 1 ]
    "$pgflow" sweep collect "$out/$name-sweep"
    "$pgflow" plot "$out/$name-sweep" --data
}

# LMZ18, figure 1: against α, three repeats with the same X* and new measurements.
study lmz18-fig1 '"trajectory[gd].init.identity.scale" = [1.0, 0.1, 0.01, 0.001]
repeats = 3
repeat_seed = ["sensing.gaussian.seed"]' \
    --set target.rows=40 --set target.cols=40 --set model.width=40 --set target.rank=2 --set sensing.gaussian.measurements=400 --set record.horizon=60
paper lmz18-fig3 --set record.horizon=100
# LMZ18, figure 4: against the number of measurements.
study lmz18-fig4 '"sensing.gaussian.measurements" = [250, 500, 750, 1000, 1250, 1500, 1750]' --set record.horizon=20
paper lmz18-fig5 --set record.horizon=80
paper ssx23 --set record.horizon=80
paper ssx23-alpha
paper w23-perturbation
paper w23-fresh --set record.horizon=40
