"""The builds of every line, read from their files without pydantic: importing it takes longer than the list."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lab.documents.strict import object_of
from lab.files import RECORD_BYTES, disk_errors, read
from lab.store.glance import word

log = logging.getLogger(__name__)

_REMEDY = "restore it from a copy, or move it away"


@dataclass(frozen=True)
class BuildRow:
    """A build's place in a line."""

    id: str
    line: str
    revision: int
    model: str
    recipe: str
    added_utc: str
    baseline: bool


def names(root: Path) -> list[str]:
    """Return the names of the lines of a data root, sorted."""
    with disk_errors("list the lines", root):
        return sorted(path.stem for path in (root / "lines").glob("[!.]*.json"))


def builds(root: Path) -> list[BuildRow]:
    """Return every build of every line, oldest first; leave out a damaged line with a warning."""
    return [row for name in names(root) for row in _rows(root / "lines" / f"{name}.json")]


def _rows(path: Path) -> Iterator[BuildRow]:
    try:
        found = cast("dict[str, Any]", object_of(read(path, RECORD_BYTES)))
        if word(found, "line") != path.stem:
            raise ValueError(f"says that it is line {found['line']}")
        rows = [_row(entry, path.stem, found["baseline"]) for entry in found["builds"]]
    except OSError as error:
        log.warning("left out: %s: could not be read: %s; %s", path, error.strerror or error, _REMEDY)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else error
        log.warning("left out: %s: damaged, not a line: %s; %s", path, why, _REMEDY)
    else:
        yield from rows


def _row(entry: dict[str, object], line: str, baseline: object) -> BuildRow:
    """Return a build of a line; raises ValueError, KeyError and TypeError for what no lab wrote."""
    if type(revision := entry["revision"]) is not int:
        raise TypeError(f"'revision': wanted a whole number, found {type(revision).__name__}")
    build = word(entry, "id")
    return BuildRow(
        build,
        line,
        revision,
        word(entry, "model"),
        word(entry, "recipe"),
        word(entry, "added_utc"),
        build == baseline,
    )
