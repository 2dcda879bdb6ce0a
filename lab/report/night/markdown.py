"""A night as Markdown: for a chat, a step summary and the text of a check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from lab.report.markdown import draw
from lab.report.night.tables import devices_table
from lab.report.night.terminal import SPARK, history
from lab.report.night.view import Section, View
from lab.report.wording import escape, plain

CHECK_BYTES = 65_535
"""Most characters of the text of a GitHub check; a step summary may have 1 MiB. Bytes here: never fewer."""

ITEMS = 200
"""Items of a section at most; a judgement: nobody reads more in a chat."""

Text = TypeVar("Text", str, bytes)


def render_markdown(found: View, *, most: int = CHECK_BYTES) -> str:
    """Return the report in at most so many bytes of UTF-8; lists are cut where it is too long."""
    return fitted(lambda items: _markdown(found, items), ITEMS, most)


def fitted(render: Callable[[int], Text], items: int, most: int) -> Text:
    """Return a rendering of at most `most` bytes, with the most items a section that fit, in halves from `items`."""
    while _size(text := render(items)) > most and items:
        items //= 2
    return text


def _size(text: str | bytes) -> int:
    return len(text if isinstance(text, bytes) else text.encode())


def _markdown(found: View, items: int) -> str:
    devices = [draw(devices_table(found))] if items and (found.values or found.night.gaps) else []
    blocks = [
        f"**{escape(found.verdict)}**",
        escape(found.title),
        *(f"> {escape(words)}" for words in found.marks),
        *("\n".join(_section(each, items)) for each in found.sections),
        *devices,
        "\n".join(f"- {_said(words)}" for words in found.method),
    ]
    return "\n\n".join(blocks) + "\n"


def _section(section: Section, most: int) -> Iterator[str]:
    yield f"### {escape(section.title)}\n\n{escape(section.note)}\n"
    items, more = section.first(most)
    for item in items:
        yield f"- {escape(item.line)}"
        if drawn := history(item, SPARK):
            yield f"  - `{drawn}`"
        yield from (f"  - {_said(words)}" for words in item.more)
    if more:
        yield f"- {escape(more)}"


def _said(text: str) -> str:
    """Return a sentence with the commands in it set as code, where no character means anything, and the rest escaped."""
    parts = re.split(r"`([^`]+)`", plain(text))
    return "".join(f"`{part}`" if place % 2 else escape(part) for place, part in enumerate(parts))
