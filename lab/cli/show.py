"""The command `lab show`: the answers of saved runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import print_answers, print_breakdown
from lab.cli.options import DATA, Data, opened
from lab.records import Answer
from lab.report.answer.kept import kept


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
        from lab.cli.pages import show_trials  # noqa: PLC0415 - pages and statistics: answers need neither

        show_trials(data, named, html=html, markdown=markdown)
    else:
        answers = [kept(data, text) or _computed(data, text) for text in named]
        print_answers(answers)
        for answer in answers:
            print_breakdown(data, answer.run)


def _computed(data: Path, text: str) -> Answer:
    """Compute the answer of a run, and keep it."""
    from lab.report.answer.saved import answer_of  # noqa: PLC0415 - the statistics: kept answers need none

    store = opened(data)
    return answer_of(store, store.run(text))[0]
