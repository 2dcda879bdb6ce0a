"""The command `lab explain`: why trials counted or not, what the device did, where the variance comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import print_breakdown
from lab.cli.named import named, not_a_run
from lab.cli.options import DATA, Data, opened, refuse
from lab.cli.output import AsCsv, AsJson, only_one, print_csv, print_json, write
from lab.cli.terminal import Terminal
from lab.errors import RunError
from lab.records.explanation import Explanation
from lab.report.explain.document import explanation_columns, explanation_document, explanation_rows
from lab.report.explain.terminal import render_explanation, render_trial
from lab.report.kept import kept_explanation


def explain(
    record: Annotated[
        str, typer.Argument(metavar="ID", help="Start of the id of a run or comparison, or last.")
    ] = "last",
    *,
    trial: Annotated[int | None, typer.Option(min=1, help="Print everything about this trial.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page with a timeline.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    data: Data = DATA,
) -> None:
    """Say why each trial of a run counted or not, what the device did, and where the variance comes from.

    Of a comparison, both sides are explained: the baseline, then the candidate.
    """
    only_one(json=as_json, csv=as_csv, html=html)
    if html is not None or as_json or as_csv:
        refuse("--html, --json and --csv hold all trials", trial=trial)
    found = named(data, record)
    if not found.runs or (len(found.runs) > 1 and (html is not None or trial is not None)):
        raise not_a_run(found, "lab explain")
    explanations = [explanation_named(data, run_id) for run_id in found.runs]
    if as_json:
        print_json([explanation_document(each) for each in explanations])
    elif as_csv:
        columns = [name for each in explanations for name in explanation_columns(each)]
        print_csv([row for each in explanations for row in explanation_rows(each)], columns)
    elif html is not None:
        from lab.report.explain.page import render_explanation_page  # noqa: PLC0415 - jinja2: only a page needs it

        write(html, render_explanation_page(explanations[0]))
    elif trial is None:
        measured = any(each.lines for each in explanations)
        for each in explanations if measured else explanations[:1]:  # without a trial both sides say the same
            Terminal().print(render_explanation(each))
            print_breakdown(data, each.run)
    else:
        (one,) = explanations
        try:
            Terminal().print(render_trial(one, trial))
        except KeyError as error:
            from lab.report.explain.view import numbers_of  # noqa: PLC0415 - the statistics: only an error needs it

            known = numbers_of([line.number for line in one.lines]) or "none"
            raise RunError(f"run {one.run.id} has no trial {trial} that can be read; it has {known}") from error


def explanation_named(data: Path, run_id: str) -> Explanation:
    """Return the explanation of a run: as it was kept, or computed."""
    if (found := kept_explanation(data, run_id)) is not None:
        return found
    from lab.report.explain.saved import explained  # noqa: PLC0415 - the statistics: what was kept needs none

    store = opened(data)
    return explained(store, store.run(run_id))
