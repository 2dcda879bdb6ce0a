"""An answer in a terminal: the sentence first, then the table of cells."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from lab.records import Answer
from lab.report.answer import right
from lab.report.answer.sustained import render_curves
from lab.report.answer.tables import cells_table, invalid_lines, others_table, published_lines
from lab.report.terminal import draw
from lab.report.wording import KIND_STYLES, device_note, kind_of, origin, plain


def render_terminal(answer: Answer) -> RenderableType:
    """Return something for `rich.console.Console.print`; readable from 80 columns, and without colours."""
    run, others = answer.run, others_table(answer, narrow=True)
    parts: list[RenderableType] = [
        Text(plain(answer.question), style="bold"),
        *([Text(note, style=KIND_STYLES.get(kind_of(run), ""))] if (note := device_note(run)) else []),
        Text(plain(answer.sentence), style="green" if answer.best or answer.curves else "yellow"),
    ]
    if answer.accuracy:
        parts += [draw(each) for each in right.tables(answer)]
    else:
        drawn = draw(cells_table(answer, narrow=True))
        parts += render_curves(answer.curves, run.cells) if answer.curves else [drawn]
    parts += [Text(f"! {plain(warning)}", style="yellow") for warning in answer.warnings]
    parts += [Text(f"  {plain(line)}", style="red") for line in invalid_lines(answer)]
    parts += [_indented(line) for line in published_lines(answer)]
    parts += [draw(others, style="dim")] if others else []
    parts.append(Text(origin(run), style="dim"))
    return Group(*parts)


def render_sentences(answers: Sequence[Answer]) -> RenderableType:
    """Return every question with the sentence that answers it, and nothing else."""
    parts: list[RenderableType] = [Text("\nThe answers", style="bold")]
    for answer in answers:
        where = "" if not device_note(answer.run) else f" ({plain(answer.run.device)})"
        parts += [
            Text(f"{plain(answer.question)}{where}"),
            Padding(Text(plain(answer.sentence)), (0, 0, 0, 2), expand=False),
        ]
    return Group(*parts)


def _indented(line: str) -> RenderableType:
    """Return a line whose wrapped parts are indented as its first one."""
    text = Text(plain(line.lstrip()), style="magenta")
    return Padding(text, (0, 0, 0, 2), expand=False) if line.startswith(" ") else text
