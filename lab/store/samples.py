"""A finished run's samples in one Parquet file: one row for each measured iteration and metric."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from lab.records import Trial

SCHEMA = pa.schema(
    [
        ("run", pa.string()),
        ("trial", pa.int32()),
        ("block", pa.int32()),
        ("cell", pa.string()),
        ("metric", pa.string()),
        ("iteration", pa.int32()),
        ("value", pa.float64()),
        ("valid", pa.bool_()),
    ]
)
"""`iteration` counts measured iterations from 0. Samples of invalid trials are included, with `valid` false."""


def to_parquet(run_id: str, trials: Iterable[Trial]) -> bytes:
    """Return the bytes of the Parquet file."""
    rows = [
        {
            "run": run_id,
            "trial": trial.number,
            "block": trial.block,
            "cell": trial.cell,
            "metric": metric,
            "iteration": iteration,
            "value": value,
            "valid": trial.valid,
        }
        for trial in trials
        for metric, values in trial.samples.items()
        for iteration, value in enumerate(values)
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), sink)
    return sink.getvalue()
