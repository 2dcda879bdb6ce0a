"""The command `lab runs`: the list of saved runs, comparisons and self-checks."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from lab.cli.hints import program
from lab.cli.options import DATA, Data
from lab.cli.output import AsCsv, AsJson, only_one, print_csv, print_json
from lab.cli.terminal import Terminal
from lab.report.listed import LISTED_COLUMNS, listed, listed_rows, listed_table
from lab.report.terminal import draw
from lab.store import glance


def runs(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    *,
    everything: Annotated[
        bool,
        typer.Option("--all", help="List the runs and comparisons that the lab made by itself, too."),
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    data: Data = DATA,
) -> None:
    """List runs, comparisons and self-checks, newest first: what was measured, and whether they finished.

    The runs of a comparison's sides, the comparisons of a self-check and the reference runs by which a device is
    accepted are parts of what you asked for: `--all` lists them too, and `lab show ID` prints each.
    """
    only_one(json=as_json, csv=as_csv)
    found = list(islice((each for each in glance.newest(data) if everything or not each.part_of), limit))
    if as_json:
        print_json([listed(each) for each in found])
    elif as_csv:
        print_csv(listed_rows(found), LISTED_COLUMNS)
    elif found:
        there = glance.ids(data)
        names = [glance.start_of(each.id, there) for each in found]
        terminal = Terminal()
        terminal.print(draw(listed_table(found, names, width=terminal.width, parts=everything)))
    else:
        typer.echo(f"No run yet: {program()} run")
