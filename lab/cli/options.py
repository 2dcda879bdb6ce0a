"""Options that the commands of `lab` share: the data root, options and their checks, and messages on stderr."""

from __future__ import annotations

import logging
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from device_agents.plain import cut
from lab.cli.hints import remember
from lab.errors import RunError
from lab.store.where import DATA as DATA  # noqa: PLC0414 - handed on
from lab.store.where import shared_index as shared_index  # noqa: PLC0414

if TYPE_CHECKING:
    from rich.console import Console

    from lab.store import Store

Data = Annotated[
    Path,
    typer.Option("--data", envvar="POCKETLAB_DATA", callback=remember, help="Folder of builds and results."),
]


def finite(value: float | None) -> float | None:
    """Refuse infinity and NaN, which typer's ranges let pass."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"wanted a finite number of seconds, found {value}")
    return value


def refuse(why: str, **given: object) -> None:
    """Refuse options that were given (None: left out) instead of ignoring them; arguments are upper-case."""
    if names := [name if name.isupper() else f"--{name}" for name, value in given.items() if value is not None]:
        raise RunError(f"{why}; leave {', '.join(names)} out")


WAIT_S = 900
"""Seconds to wait for another lab when --wait is not given: a judgement, a quarter of an hour."""

Wait = Annotated[
    float,
    typer.Option(min=0, callback=finite, help="Seconds to wait for another lab on this machine or device."),
]


def opened(data: Path) -> Store:
    """Return the store at `data`, with its index where :func:`shared_index` says."""
    from lab.store import Store  # noqa: PLC0415 - its database takes longer to import than `lab runs` may take

    return Store(data, shared_index())


@cache
def console() -> Console:
    """Return the console for messages and progress. It is stderr: stdout holds results only."""
    from lab.cli.terminal import Terminal  # noqa: PLC0415 - `lab --help` has no message to draw

    return Terminal(stderr=True)


def tell(words: str) -> None:
    """Print one message for a person."""
    console().print(cut(words), soft_wrap=True)


class _ToConsole(logging.Handler):
    """Prints log lines through the console that also draws progress bars, so that they stay whole."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(self.format(record))


def log_to_stderr(*, verbose: bool) -> None:
    """Send the lab's log to stderr: warnings, or everything when `verbose`."""
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)-8s %(message)s", handlers=[_ToConsole()], force=True)
