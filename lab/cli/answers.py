"""Answers on stdout, as `lab run` and `lab show` print them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from lab.records import Answer
from lab.report.answer.beside import render_beside, together
from lab.report.answer.terminal import render_terminal


def print_answers(answers: Sequence[Answer]) -> None:
    """Print answers, then one table for each scenario that several of them are about."""
    console = Console()
    for answer in answers:
        console.print()
        console.print(render_terminal(answer))
    for group in together(answers):
        console.print(render_beside(group))
