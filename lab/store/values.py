"""The figures of a night in one Parquet file, a row for each series: what histories are read from."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lab.errors import StoreError
from lab.files import disk_errors, make_folder, write_atomically
from lab.records import BuildAt, Metric, Series, Value

FILE = "values.parquet"

_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in ("scenario", "cell", "line", "metric", "device")),
        *((name, _TEXT) for name in ("label", "unit", "better", "build", "build_line")),
        ("revision", pa.int32()),
        ("run", _TEXT),
        ("value", pa.float64()),
        ("error", pa.float64()),
        ("trials", pa.int32()),
        ("lost", pa.int32()),
        ("context", _TEXT),
        ("outcome", _TEXT),
        ("usual", pa.float64()),
        ("nights", pa.int32()),
    ]
)
"""`label`, `unit` and `better` are those of the metric; `context` is a JSON object, its keys sorted."""


def path_of(root: Path, night_id: str) -> Path:
    """Return where the figures of a night lie."""
    return root / "nights" / night_id / FILE


def write(root: Path, night_id: str, values: Iterable[Value]) -> None:
    """Write the figures of a night; raise `DiskFull` and `StoreError`."""
    path = path_of(root, night_id)
    table = pa.Table.from_pylist([_row(each) for each in values], schema=SCHEMA)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    with disk_errors(f"save the figures of night {night_id}", path):
        make_folder(path.parent)
        write_atomically(path, sink.getvalue())


def table_of(root: Path, night_id: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the figures of a night as a table; raise `StoreError` naming a file that is missing or damaged."""
    path = path_of(root, night_id)
    try:
        return pq.ParquetFile(path).read(columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowException) as error:
        why = str(error).splitlines()[0]
        raise StoreError(f"{path}: could not be read: {why}; restore it from a copy, or move it away") from error


def read(root: Path, night_id: str) -> list[Value]:
    """Return the figures of a night; raise as :func:`table_of`."""
    try:
        return [_value(row) for row in table_of(root, night_id).to_pylist()]
    except (KeyError, TypeError, ValueError) as error:
        path = path_of(root, night_id)
        raise StoreError(
            f"{path}: damaged, not the figures of a night: {error!r}; restore it from a copy"
        ) from error


def _row(value: Value) -> dict[str, object]:
    return {
        **vars(value.series),
        "label": value.metric.label,
        "unit": value.metric.unit,
        "better": value.metric.better,
        "build": value.build.id,
        "build_line": value.build.line,
        "revision": value.build.revision,
        "context": json.dumps(dict(value.context), sort_keys=True),
        **{name: getattr(value, name) for name in ("run", "value", "error", "trials", "lost")},
        **{name: getattr(value, name) for name in ("outcome", "usual", "nights")},
    }


def _value(row: dict[str, object]) -> Value:
    def taken(*names: str) -> dict[str, object]:
        return {name: row[name] for name in names}

    series = Series(**taken("scenario", "cell", "line", "metric", "device"))  # type: ignore[arg-type]
    metric = Metric(series.metric, **taken("label", "unit", "better"))  # type: ignore[arg-type]
    build = BuildAt(str(row["build"]), str(row["build_line"]), row["revision"])  # type: ignore[arg-type]
    rest = taken("run", "value", "error", "trials", "lost", "outcome", "usual", "nights")
    return Value(series=series, metric=metric, build=build, context=json.loads(str(row["context"])), **rest)  # type: ignore[arg-type]
