#!/usr/bin/env bash
# Runs the tests that need a real Slurm: starts a private single-node one from Debian's packages (nothing is installed), exit code 77 where
# the packages cannot be had.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
directory=$(mktemp -d)
trap 'tests/slurm/slurm_single_node.sh stop "$directory"; rm -rf "$directory"' EXIT
if ! tests/slurm/slurm_single_node.sh start "$directory"; then
    echo "Slurm cannot be started here: its tests are skipped" >&2
    exit 77
fi
# shellcheck disable=SC1091
source "$directory/env"
cargo test --release --locked --test sweep_slurm -- --ignored
