"""The command `lab runs`: the list of saved runs."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich.table import Column, Table

from lab.cli.options import DATA, Data
from lab.cli.output import short
from lab.cli.terminal import Terminal
from lab.store import glance


def runs(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20, data: Data = DATA
) -> None:
    """List runs, newest first: scenario, build, device, and whether the run finished."""
    run_id = Column("run", no_wrap=True, min_width=13)  # an id that is cut cannot be typed
    table = Table(run_id, "begun (UTC)", "scenario", "suite", "build", "device", "status", box=None)
    for run in islice(glance.newest(data), limit):
        build = f"{run.build_line} {run.build[:8]}"
        begun = run.started_utc[:16].replace("T", " ")
        table.add_row(short(run.id), begun, run.scenario, run.suite, build, run.device, run.status)
    if not table.row_count:
        typer.echo("No run yet: lab run")
        return
    Terminal().print(table)
