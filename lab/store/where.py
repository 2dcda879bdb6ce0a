"""Which data root and which index are meant, where nobody names one."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path("lab-data")
"""The data root when neither --data nor POCKETLAB_DATA names one."""


def data_root() -> Path:
    """Return the data root that POCKETLAB_DATA names, else :data:`DATA`."""
    return Path(os.environ.get("POCKETLAB_DATA") or DATA)


def shared_index() -> str | None:
    """Return the URL of a database that several data roots may use for their index; None: a file in the root."""
    return os.environ.get("POCKETLAB_INDEX") or None
