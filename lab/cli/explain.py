"""The command `lab explain`: why trials counted or not, what the device did, where the variance comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import print_breakdown
from lab.cli.options import DATA, Data, opened, refuse
from lab.cli.output import write
from lab.cli.terminal import Terminal
from lab.errors import RunError
from lab.report.explain.page import render_explanation_page
from lab.report.explain.saved import explained
from lab.report.explain.terminal import render_explanation, render_trial


def explain(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Start of a run's id, or last.")] = "last",
    trial: Annotated[int | None, typer.Option(min=1, help="Print everything about this trial.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page with a timeline.")] = None,
    data: Data = DATA,
) -> None:
    """Say why each trial of a run counted or not, what the device did, and where the variance comes from."""
    if html is not None:
        refuse("--html writes a page of all trials", trial=trial)
    store = opened(data)
    record = store.run(run)
    found = explained(store, record)
    if html is not None:
        write(html, render_explanation_page(found))
        return
    if trial is None:
        Terminal().print(render_explanation(found))
        print_breakdown(store.root, record)
        return
    try:
        Terminal().print(render_trial(found, trial))
    except KeyError as error:
        known = f"1 to {max(line.number for line in found.lines)}" if found.lines else "none"
        raise RunError(f"run {record.id} has no trial {trial}; it has {known}") from error
