"""What the commands of `lab` share: the data root, the store behind it, the console for messages."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from lab.store import Store

DATA = Path("lab-data")
"""The data root when neither --data nor POCKETLAB_DATA names one."""

Data = Annotated[Path, typer.Option("--data", envvar="POCKETLAB_DATA", help="Folder of builds and results.")]


def opened(data: Path) -> Store:
    """Return the store at `data`; POCKETLAB_INDEX may name another database for the index."""
    from lab.store import Store

    return Store(data, os.environ.get("POCKETLAB_INDEX"))


@cache
def console() -> Console:
    """Return the console of messages and progress: stderr, so that stdout holds results only."""
    from rich.console import Console

    return Console(stderr=True)
