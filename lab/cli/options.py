"""What the commands of `lab` share: the data root, the store behind it, options, the console for messages."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.errors import RunError

if TYPE_CHECKING:
    from rich.console import Console

    from lab.store import Store

DATA = Path("lab-data")
"""The data root when neither --data nor POCKETLAB_DATA names one."""

Data = Annotated[Path, typer.Option("--data", envvar="POCKETLAB_DATA", help="Folder of builds and results.")]


def finite(value: float | None) -> float | None:
    """Refuse seconds that are no number or have no end, which a range lets pass."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"wanted a finite number of seconds, found {value}")
    return value


def refuse(why: str, **given: object) -> None:
    """Refuse the options that were given (None: left out), rather than ignore them; arguments have a capital."""
    if names := [name if name.isupper() else f"--{name}" for name, value in given.items() if value is not None]:
        raise RunError(f"{why}; leave {', '.join(names)} out")


WAIT_S = 900
"""Seconds to wait for another lab when --wait is not given: a judgement, a quarter of an hour."""

Wait = Annotated[
    float,
    typer.Option(min=0, callback=finite, help="Seconds to wait for another lab on this machine or device."),
]


def opened(data: Path) -> Store:
    """Return the store at `data`; POCKETLAB_INDEX may name another database for the index."""
    from lab.store import Store

    return Store(data, os.environ.get("POCKETLAB_INDEX"))


@cache
def console() -> Console:
    """Return the console of messages and progress: stderr, so that stdout holds results only."""
    from rich.console import Console

    return Console(stderr=True)
