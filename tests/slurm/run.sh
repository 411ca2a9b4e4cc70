#!/usr/bin/env bash
# Runs the tests that need a real Slurm: starts a private single-node one from Debian's packages (nothing is installed), exit code 77 where
# the packages cannot be had or the daemons do not come up.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
directory=$(mktemp -d)
trap 'tests/slurm/slurm_single_node.sh stop "$directory"; rm -rf "$directory"' EXIT
if ! tests/slurm/slurm_single_node.sh start "$directory"; then
    echo "!!! ================================================================== !!!" >&2
    echo "!!! SLURM TESTS SKIPPED: no private Slurm can be started here           !!!" >&2
    echo "!!! No array of this build has run on a real Slurm.                     !!!" >&2
    echo "!!! ================================================================== !!!" >&2
    exit 77
fi
# shellcheck disable=SC1091
source "$directory/env"
# One after the other: there is one node.
cargo test --release --locked --test sweep_slurm -- --ignored --test-threads 1
