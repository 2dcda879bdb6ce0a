"""Answers on stdout, as `lab run` and `lab show` print them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.cli.terminal import Terminal
from lab.records import Answer, Run
from lab.report.answer.beside import render_beside, together
from lab.report.answer.terminal import render_terminal
from lab.report.breakdown import breakdown_table
from lab.report.terminal import draw
from lab.store import breakdowns


def print_answers(answers: Sequence[Answer]) -> None:
    """Print answers, then the tables of :func:`print_beside`."""
    console = Terminal()
    for answer in answers:
        console.print()
        console.print(render_terminal(answer))
    print_beside(answers)


def print_breakdown(root: Path, run: Run) -> None:
    """Print where the time of a run's cells goes, if `lab profile` has found out."""
    if found := breakdowns.read(root, run.id):
        Terminal().print(draw(breakdown_table(run, found)))


def print_beside(answers: Sequence[Answer]) -> None:
    """Print one table for each scenario that several answers are about."""
    for group in together(answers):
        Terminal().print(render_beside(group))
