"""The command `lab trace`: one trial as a trace for Perfetto."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.named import run_named
from lab.cli.options import DATA, Data, opened
from lab.cli.output import write
from lab.report.trace import trace_of_saved


def trace(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Start of a run's id, or last.")] = "last",
    trial: Annotated[int | None, typer.Option(min=0, help="The trial. [default: the first valid one]")] = None,
    iteration: Annotated[int | None, typer.Option(min=0, help="Only this iteration. [default: all]")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. [default: trace-RUN-TRIAL.json]")] = None,
    data: Data = DATA,
) -> None:
    """Write one trial as a trace for ui.perfetto.dev, with one track for each execution unit."""
    store = opened(data)
    record = store.run(run_named(data, run, "lab trace"))
    number, document = trace_of_saved(store, record, trial, iteration)
    write(out or Path(f"trace-{record.id}-{number}.json"), json.dumps(document))
