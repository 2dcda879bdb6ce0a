"""What several commands print or write: answers, pages, where results lie."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lab.errors import RunError

if TYPE_CHECKING:
    from lab.records import Answer, Run, Trial


def short(run_id: str) -> str:
    """Return the start of a run's id that names it: a UUIDv7's first 13 characters are its millisecond."""
    return run_id[:13]


def print_answer(found: Answer) -> None:
    """Print an answer on stdout."""
    from rich.console import Console

    from lab.report.answer.terminal import render_terminal

    console = Console()
    console.print()
    console.print(render_terminal(found))


def print_percentiles(found: Answer, trials: list[Trial], folder: Path) -> None:
    """Print percentiles of iterations and tokens; `folder` holds the run's trials."""
    from rich.console import Console

    from lab.report.answer.percentiles import percentiles, render_percentiles

    Console().print(render_percentiles(percentiles(found, trials, folder)))


def print_beside(answers: list[Answer]) -> None:
    """Print runs of one scenario in one table, where there are several."""
    from rich.console import Console

    from lab.report.answer.beside import render_beside, together

    for group in together(answers):
        Console().print(render_beside(group))


def write_html(path: Path, answers: list[tuple[Answer, list[Trial]]]) -> None:
    """Write one page with all answers."""
    from lab.report.answer.page import render_html

    write(path, render_html(answers))


def write(path: Path, text: str) -> None:
    """Write a file the user asked for; raises `RunError`."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}; the results are saved") from error
    typer.echo(f"Wrote {path}")


def where(root: Path, runs: list[Run], data: Path) -> None:
    """Say where the results lie and how to look further."""
    ids = " ".join(short(found.id) for found in runs)
    option = data_option(data)
    program = "lab" if shutil.which("lab") else shlex.quote(os.path.relpath(Path(sys.executable).with_name("lab")))
    typer.echo(f"Results: {root}")
    typer.echo(f"  {program} show {ids}{option} --html report.html   # one page: charts, every trial, the context")
    typer.echo(f"  {program} trace {short(runs[-1].id)}{option}   # for ui.perfetto.dev: one track a unit")


def data_option(data: Path) -> str:
    """Return the option that names this data root, or nothing where it is the default."""
    default = Path(os.environ.get("POCKETLAB_DATA") or "lab-data")
    return "" if data.absolute() == default.absolute() else f" --data {shlex.quote(str(data))}"
