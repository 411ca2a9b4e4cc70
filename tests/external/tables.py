"""Checks that collected tables load in pandas and polars with the right types, and that CSV and Parquet hold the same values.

usage: tables.py DIRECTORY      with collected.csv, collected.parquet, samples.csv, samples.parquet
"""

import sys
from pathlib import Path

import pandas
import polars
import pyarrow
import pyarrow.parquet

INTEGERS = {"index", "sensing.gaussian.measurements", "repeat", "steps", "evaluations", "step"}
BOOLEANS = {"record.snapshots"}
TEXTS = {"id", "trajectory[flow].flow.method", "target.singular_values", "trajectory", "family", "method", "outcome", "reference", "message"}
# Never empty, so that pandas keeps the type in a CSV file too.
FULL = {"index", "id", "sensing.gaussian.measurements", "init.gaussian.scale", "record.snapshots", "trajectory[flow].flow.method", "record.horizon",
        "target.singular_values", "repeat", "outcome"}


def kind(name):
    return "integer" if name in INTEGERS else "boolean" if name in BOOLEANS else "text" if name in TEXTS else "number"


def check(condition, *what):
    if not condition:
        sys.exit("FAILED: " + " ".join(map(str, what)))


def arrow_kind(kind_of):
    return {"integer": pyarrow.int64(), "number": pyarrow.float64(), "boolean": pyarrow.bool_(), "text": pyarrow.string()}[kind_of]


def polars_kind(kind_of):
    return {"integer": polars.Int64, "number": polars.Float64, "boolean": polars.Boolean, "text": polars.String}[kind_of]


def pandas_is(kind_of, dtype):
    test = {"integer": pandas.api.types.is_integer_dtype, "number": pandas.api.types.is_float_dtype,
            "boolean": pandas.api.types.is_bool_dtype, "text": lambda t: pandas.api.types.is_string_dtype(t) or t == object}[kind_of]
    return test(dtype)


def check_table(directory, table):
    csv, parquet = directory / f"{table}.csv", directory / f"{table}.parquet"
    schema = pyarrow.parquet.read_schema(parquet)
    names = csv.read_text().splitlines()[0].replace('"', "").split(",")
    check(schema.names == names, table, "columns differ:", schema.names, names)
    for name in names:
        check(schema.field(name).type == arrow_kind(kind(name)), table, name, "is", schema.field(name).type, "in Arrow")

    frame = polars.read_parquet(parquet)
    for name, dtype in frame.schema.items():
        check(dtype == polars_kind(kind(name)), table, name, "is", dtype, "in polars from Parquet")
    text = polars.read_csv(csv, infer_schema_length=None)
    for name, dtype in text.schema.items():
        if text[name].null_count() < text.height:
            check(dtype == polars_kind(kind(name)), table, name, "is", dtype, "in polars from CSV")
            check(text[name].to_list() == frame[name].to_list(), table, name, "has other values in Parquet than in CSV")
        else:
            check(frame[name].null_count() == frame.height, table, name, "is empty in CSV alone")

    nullable = pandas.read_parquet(parquet, dtype_backend="numpy_nullable")
    # Since version 3 numbers are read exactly without asking for it.
    plain = pandas.read_csv(csv) if int(pandas.__version__.split(".")[0]) >= 3 else pandas.read_csv(csv, float_precision="round_trip")
    check(list(plain.columns) == names and len(plain) == len(nullable) == frame.height, table, "has another shape in pandas")
    for name in names:
        check(pandas_is(kind(name), nullable[name].dtype), table, name, "is", nullable[name].dtype, "in pandas from Parquet")
        if name in FULL:
            check(pandas_is(kind(name), plain[name].dtype), table, name, "is", plain[name].dtype, "in pandas from CSV")
        if kind(name) == "number":
            same = (plain[name].astype(float).fillna(-1.0) == nullable[name].astype("Float64").fillna(-1.0).astype(float)).all()
            check(same, table, name, "has other values in pandas from CSV")
    print(f"{table}: {frame.height} rows, {frame.width} columns")
    return frame


directory = Path(sys.argv[1])
frame = check_table(directory, "collected")
outcomes = set(frame["outcome"].to_list())
check({"completed", "failed", "missing"} <= outcomes, "the table should show every kind of row, but has", outcomes)
failed = frame.filter(polars.col("outcome") == "failed")
check(failed["final_loss"].null_count() == failed.height and failed["message"].null_count() == 0, "a failed task is a row with a reason")
samples = check_table(directory, "samples")
last = samples.filter((polars.col("trajectory") == "gd") & (polars.col("step") > 0)).group_by("index").agg(polars.col("loss").last())
both = last.join(frame.filter(polars.col("trajectory") == "gd"), on="index")
check(both.height > 0 and (both["loss"] == both["final_loss"]).all(), "final_loss is not the last sample's loss")
print("pandas and polars load what was collected, with the right types")
