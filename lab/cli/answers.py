"""Answers on stdout, as `lab run` and `lab show` print them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.cli.options import opened
from lab.cli.terminal import Terminal
from lab.records import Answer, Breakdown, Run
from lab.report.answer.beside import render_beside, together
from lab.report.answer.terminal import render_terminal
from lab.report.breakdown import breakdown_table
from lab.report.kept import ANSWER, kept
from lab.report.terminal import draw
from lab.store import breakdowns


def print_answers(answers: Sequence[Answer]) -> None:
    """Print answers, then the tables of :func:`print_beside`."""
    for answer in answers:
        print_answer(answer)
    print_beside(answers)


def print_answer(answer: Answer) -> None:
    """Print one answer."""
    Terminal().print()
    Terminal().print(render_terminal(answer))


def answer_named(data: Path, run_id: str) -> Answer:
    """Return the answer of a run: as it was kept, or computed."""
    if (found := kept(Answer, data / "runs" / run_id / ANSWER)) is not None:
        return found
    from lab.report.answer.saved import answer_of  # noqa: PLC0415 - the statistics: kept answers need none

    store = opened(data)
    return answer_of(store, store.run(run_id))[0]


def breakdown_of(root: Path, run: Run) -> Breakdown | None:
    """Return where the time of a run's cells goes, if `lab profile` has found out."""
    return breakdowns.read(root, run.id)


def print_breakdown(root: Path, run: Run) -> None:
    """Print where the time of a run's cells goes, if `lab profile` has found out."""
    if found := breakdown_of(root, run):
        Terminal().print(draw(breakdown_table(run, found)))


def print_beside(answers: Sequence[Answer]) -> None:
    """Print one table for each scenario that several answers are about."""
    for group in together(answers):
        Terminal().print(render_beside(group))
