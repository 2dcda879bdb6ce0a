"""A night in a terminal: the verdict first, then what it lists, worst first."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from lab.report.night.said import Item
from lab.report.night.tables import devices_table
from lab.report.night.view import Section, View
from lab.report.spark import spark
from lab.report.terminal import draw

MOST = 20
"""Items of a section that are printed; a judgement."""

STYLES = {"worse": "bold red", "none": "yellow", "better": "bold green"}
SPARK = 40
"""Columns of a history."""


def render_terminal(found: View) -> RenderableType:
    """Return something for `rich.console.Console.print`; readable from 80 columns, and without colours."""
    worse = any(each.outcome == "regressed" for each in found.night.findings)
    parts: list[RenderableType] = [
        Text(found.verdict, style="bold red" if worse else "bold"),
        Text(found.title, style="dim"),
        *(Text(f"! {words}", style="yellow") for words in found.marks),
    ]
    for section in found.sections:
        parts += _section(section)
    if found.values or found.night.gaps:
        parts.append(draw(devices_table(found)))
    return Group(*parts, *(Text(words, style="dim") for words in found.method))


def _section(section: Section) -> Iterator[RenderableType]:
    yield Text(f"\n{section.title}", style=STYLES[section.tone])
    yield Text(section.note, style="dim")
    items, more = section.first(MOST)
    for item in items:
        yield Padding(Text(item.line), (0, 0, 0, 2))
        for words in (history(item, SPARK), *item.more):
            if words:
                yield Padding(Text(words, style="dim"), (0, 0, 0, 4))
    if more:
        yield Padding(Text(more), (0, 0, 0, 2))


def history(item: Item, width: int) -> str:
    """Return the history of a finding as a line of characters, tonight at the end; empty for anything else."""
    points = item.finding.history if item.finding else ()
    line = spark([each.value for each in points[-width:]], width=width)
    return f"{line} {len(points[-width:])} nights" if len(points) > 1 else ""
