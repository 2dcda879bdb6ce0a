"""The command `lab accuracy`: every build that was asked the same questions, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.options import DATA, Data, opened
from lab.cli.output import write_markdown
from lab.cli.terminal import Terminal
from lab.errors import RunError
from lab.report import markdown, terminal
from lab.report.answer.recipes import evaluated, recipes_table


def accuracy(
    data: Data = DATA,
    markdown_to: Annotated[
        Path | None, typer.Option("--markdown", help="Also write the table to this file, for a pull request.")
    ] = None,
) -> None:
    """Compare the accuracy of builds: size, speed, right answers, and the difference to fp32.

    A row is the newest `lab run accuracy` of a build line, as far as it was made on the device, and with the
    questions, of the newest one of all. The speed is that of the build's newest `lab run decode` there; without
    one, answers per second as the evaluation saw them.
    """
    found = evaluated(opened(data))
    if not found:
        raise RunError("wanted runs of accuracy, found none: `lab run accuracy --build nano-fp32` makes the first")
    shown = recipes_table(found)
    Terminal().print(terminal.draw(shown))
    if markdown_to is not None:
        write_markdown(markdown_to, [f"{shown.title}\n\n{markdown.draw(shown)}\n\n{shown.note}\n"])
