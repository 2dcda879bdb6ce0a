"""A run's saved trials at a glance, read without pydantic: their numbers, cells, and whether they are valid."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lab.documents.strict import json_of
from lab.errors import StoreError
from lab.files import RECORD_BYTES, read
from lab.store import seal

log = logging.getLogger(__name__)

NUMBER = re.compile(r"[0-9]{4,9}")
"""The name of a trial's folder; at most nine digits, so that it is a number of the index too."""


@dataclass(frozen=True)
class Measured:
    """A trial: its number, its cell, and whether it is valid."""

    number: int
    cell: str
    valid: bool


def measured(root: Path, run_id: str) -> Iterator[Measured]:
    """Yield a run's saved trials by number; leave out, with a warning, each that is damaged or was changed."""
    folder = root / "runs" / run_id
    sealed = seal.sums(folder)
    for path in trial_files(root, run_id):
        try:
            data = read(path, RECORD_BYTES)
            if words := seal.differs(path, sealed.get(path.relative_to(folder).as_posix()), data):
                raise StoreError(words)
            found = cast("dict[str, Any]", json_of(data, finite=False))["trial"]
            yield Measured(int(path.parent.name), str(found["cell"]), found["valid"] is True)
        except StoreError as error:
            log.warning("left out: %s", error)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("left out: %s: damaged, not a trial: %s; restore it from a copy", path, error)


def trial_files(root: Path, run_id: str) -> list[Path]:
    """Return the files of a run's saved trials, in the order of their numbers."""
    files = (root / "runs" / run_id / "trials").glob("*/trial.json")
    named = (path for path in files if NUMBER.fullmatch(path.parent.name))
    return sorted(named, key=lambda path: (int(path.parent.name), path))
