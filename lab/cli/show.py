"""The commands `lab runs` and `lab show`: saved runs, and their answers."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from lab.cli.options import DATA, Data, opened
from lab.cli.output import print_answers, short
from lab.records import Answer
from lab.report.answer.kept import kept
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
    Console().print(table)


def show(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN", help="Starts of run ids, or last.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write one self-contained page with tables and charts.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables and sentences as Markdown.")] = None,
    percentiles: Annotated[
        bool, typer.Option("--percentiles", help="Print p50 to p99 of iterations and tokens too, where estimable.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Print the answers of runs: tables, intervals, and what was not valid and why."""
    named = runs or ["last"]
    if html is not None or markdown is not None or percentiles:
        from lab.cli.pages import show_trials

        show_trials(data, named, html=html, markdown=markdown)
    else:
        print_answers([kept(data, text) or _computed(data, text) for text in named])


def _computed(data: Path, text: str) -> Answer:
    """Compute the answer of a run, and keep it."""
    from lab.report.answer.saved import answer_of

    store = opened(data)
    return answer_of(store, store.run(text))[0]
