"""A study of the tiling rules in a terminal: the sentence first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.records import Published
from lab.records.study import Study
from lab.report.study import said
from lab.report.terminal import draw
from lab.report.wording import plain


def render_terminal(
    question: str, study: Study, figures: Sequence[Published], *, seed: int | None
) -> RenderableType:
    """Return something for `rich.console.Console.print`; readable from 80 columns, and without colours."""
    parts: list[RenderableType] = [
        *([Text(question, style="bold")] if study.tables else []),
        Text(said.sentence(study), style="green"),
    ]
    if study.tables:
        parts += [draw(said.pairs_table(study)), draw(said.tokens_table(study))]
    parts += [Text(f"! {plain(words)}", style="yellow") for words in said.warnings(study)]
    parts += [Text(plain(words), style="dim") for words in said.notes(study, seed)]
    if study.tables:
        parts += [Text(plain(words), style="magenta") for words in said.published_lines(figures)]
    parts.append(draw(said.pictures_table(study)))
    return Group(*parts)
