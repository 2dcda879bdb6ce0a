"""The builds of every line, read from their files without pydantic: importing it takes longer than the list."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lab.documents.strict import Malformed, json_of
from lab.errors import StoreError
from lab.files import RECORD_BYTES, disk_errors, read

log = logging.getLogger(__name__)


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
        found = cast("dict[str, Any]", json_of(read(path, RECORD_BYTES)))
        rows = [
            BuildRow(line=found["line"], baseline=entry["id"] == found["baseline"], **entry)
            for entry in found["builds"]
        ]
        if not all(isinstance(row.revision, int) and isinstance(row.id, str) for row in rows):
            raise TypeError("a build without a number and an id")
    except OSError as error:
        log.warning("left out: %s: could not be read: %s", path, error.strerror or error)
    except (Malformed, KeyError, TypeError, AttributeError, StoreError) as error:
        log.warning("left out: %s: damaged, not a line: %s; restore it from a copy, or move it away", path, error)
    else:
        yield from rows
