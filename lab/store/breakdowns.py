"""The breakdown kept beside a run's files: `runs/<id>/profile.json`."""

from __future__ import annotations

import logging
from pathlib import Path

from lab.files import RECORD_BYTES, write_atomically
from lab.files import read as read_file
from lab.records import Breakdown, plain

log = logging.getLogger(__name__)

FILE = "profile.json"


def read(root: Path, run_id: str) -> Breakdown | None:
    """Return the breakdown that was kept for a run; None without one that this version can read."""
    try:
        return plain.loads(Breakdown, read_file(root / "runs" / run_id / FILE, RECORD_BYTES))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.debug("%s: no breakdown of run %s: %s", root, run_id, error)
        return None


def write(root: Path, found: Breakdown) -> None:
    """Keep a run's breakdown, in place of an earlier one; raises `OSError`."""
    write_atomically(root / "runs" / found.run / FILE, plain.dumps(found).encode())
