"""A report's table in a terminal."""

from __future__ import annotations

from typing import Literal

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from lab.report.table import Table
from lab.report.wording import plain

STYLES = {"best": "bold green", "behind": "dim", "not judged": "yellow", "wrong": "bold red", "missed": "yellow"}
"""How rows are shown by their standing."""


def draw(table: Table, *, style: str = "") -> RichTable:
    """Return something for `rich.console.Console.print`; control characters are made visible."""
    drawn = RichTable(
        box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0), style=style, header_style=style or None
    )
    drawn.title, drawn.title_justify = _text(table.title) if table.title else None, "left"
    drawn.caption, drawn.caption_justify = Text(table.note) if table.note else None, "left"
    for place, head in enumerate(table.heads):
        lines = [line for row in table.rows for line in row.texts[place].split("\n")]
        whole = max(map(len, lines), default=0) if head.kind == "whole" else None
        justify: Literal["left", "right"] = "left" if head.left else "right"
        drawn.add_column(
            _text(head.text), justify=justify, overflow="fold", no_wrap=whole is not None, min_width=whole
        )
    for row in table.rows:
        drawn.add_row(*map(_text, row.texts), style=style or STYLES.get(row.standing, ""))
    return drawn


def _text(text: str) -> Text:
    return Text("\n".join(map(plain, text.split("\n"))))
