"""The command `lab trace`: trials as a trace for Perfetto."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.named import run_named
from lab.cli.options import DATA, Data
from lab.cli.output import write
from lab.report.trace import trace_of_saved


def trace(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN", help="Starts of run ids, or last.")] = None,
    trial: Annotated[
        int | None, typer.Option(min=0, help="The trial, of each run. [default: the first valid one]")
    ] = None,
    iteration: Annotated[int | None, typer.Option(min=0, help="Only this iteration. [default: all]")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. [default: trace-RUN-TRIAL.json]")] = None,
    data: Data = DATA,
) -> None:
    """Write a trial of each run for ui.perfetto.dev: a track per execution unit, sensors as counters.

    Several runs go into one file, where their trials begin together.
    """
    found = [run_named(data, text, "lab trace", trials=True) for text in runs or ["last"]]
    numbers, pieces = trace_of_saved(data, found, trial, iteration)
    names = "-".join(f"{run.id}-{number}" for run, number in zip(found, numbers, strict=True))
    write(out or Path(f"trace-{names}.json"), pieces)
