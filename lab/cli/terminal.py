"""The terminal that tables, answers, messages and progress are drawn on: it obeys the lab and no text in it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from device_agents.ending import drawn
from device_agents.plain import plain_lines
from lab.cli.hints import completed


class Terminal(Console):
    """Stdout or stderr for rich. Texts are shown as they are: no markup, no emoji codes, no control characters.

    Only the commands in them are completed (:mod:`lab.cli.hints`), before lines are broken.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    @property
    def file(self) -> IO[str]:
        """The stream, past the guard that takes rich's own colours for an attack (:mod:`device_agents.ending`)."""
        return drawn(sys.stderr if self.stderr else sys.stdout)

    @file.setter
    def file(self, new: IO[str]) -> None:
        raise AttributeError("a Terminal is stdout or stderr")

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text to be drawn, made plain before rich measures it."""
        return super().render_str(completed(plain_lines(text)), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the pieces of a drawing; what they say is made plain, whoever made them."""
        if isinstance(renderable, Text) and (words := completed(renderable.plain)) != renderable.plain:
            renderable = renderable.copy()
            renderable.plain = words
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(plain_lines(piece.text), piece.style)
