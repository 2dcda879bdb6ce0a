"""Results for programs: one JSON document around them, or one CSV table of their rows.

Everything is as the lab keeps it: nothing is rounded, and a figure's unit is in its name (docs/results.md). The
parts of a document are frozen dataclasses; :mod:`lab.report.schema` makes its JSON Schema from them.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Generic, Literal, TypeVar

from lab.report.wording import plain

FORMAT: Literal[1] = 1
"""The version of the document. A field may be added within one; whatever else changes raises it."""

Result = TypeVar("Result")
Row = Mapping[str, object]


@dataclass(frozen=True)
class Document(Generic[Result]):
    """The whole of what a command prints with ``--json``."""

    format: Literal[1]
    results: tuple[Result, ...]


def as_json(results: Sequence[object]) -> str:
    """Return the document of some results, ending with a newline.

    Fields stand in the order of their class, mappings by key. JSON lacks infinity and NaN: both are null.
    """
    found = _plain(Document(FORMAT, tuple(results)))
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Return a table that begins with the line of its names, also without rows; an unknown value is empty.

    A column is any of `columns` and any other key of a row, in the order in which they are met. Control characters
    are made visible.
    """
    out = io.StringIO()
    names = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    writer = csv.DictWriter(out, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    found = _plain(value)
    if isinstance(found, bool):
        return str(found).lower()
    return plain(found) if isinstance(found, str) else found


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return str(value)  # an enum's member, too
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return {name: _plain(getattr(value, name)) for name in names} if (names := _fields(type(value))) else value  # type: ignore[arg-type]


@cache
def _fields(kind: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields; none for any other type."""
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else ()
