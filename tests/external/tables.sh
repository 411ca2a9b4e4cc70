#!/usr/bin/env bash
# Loads a collected sweep, as CSV and as Parquet, into pandas and polars (tables.py), in a virtual environment of its own.
#
# Exit codes: 0 types and values are right · 77 skipped, the packages cannot be had · anything else a failure.
# PGFLOW=path/to/pgflow uses that binary instead of building one.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
venv=$target/tables-venv
python=$venv/bin/python

skip() {
    echo "!!! ================================================================== !!!" >&2
    echo "!!! TABLES NOT CHECKED: $*" >&2
    echo "!!! Neither pandas nor polars has loaded what this build collects.      !!!" >&2
    echo "!!! ================================================================== !!!" >&2
    exit 77
}

command -v python3 >/dev/null && python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || skip "no Python 3.10 or later"
if ! "$python" -c 'import pandas, polars, pyarrow' 2>/dev/null; then
    mkdir -p "$target"
    rm -rf "$venv"
    python3 -m venv "$venv" || skip "python3 -m venv failed"
    "$python" -m pip install --quiet --disable-pip-version-check pandas polars pyarrow || skip "pip could not install pandas, polars and pyarrow"
fi
"$python" -c 'import pandas, polars, pyarrow; print("pandas", pandas.__version__, "polars", polars.__version__, "pyarrow", pyarrow.__version__)'

if [[ -z ${PGFLOW:-} ]]; then
    cargo build --release --locked --quiet
    PGFLOW=$target/release/pgflow
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat tests/data/sweep-types.toml > "$work/sweep.toml"
"$PGFLOW" sweep plan "$work/sweep.toml" -o "$work/sweep"
# One task needs more memory than this, and fails; another is taken away.
"$PGFLOW" sweep run "$work/sweep" --memory 4M || [[ $? -eq 1 ]]
find "$work/sweep/results" -name '*.bin' | sort | head -n 1 | xargs rm
for table in collected samples; do
    for format in csv parquet; do
        flag=$([[ $table == samples ]] && echo --samples || true)
        "$PGFLOW" sweep collect "$work/sweep" $flag -o "$work/$table.$format" || [[ $? -eq 75 ]]
    done
done
"$python" tests/external/tables.py "$work"
