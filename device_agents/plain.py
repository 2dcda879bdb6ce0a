"""Text of devices, files and people, made fit to be shown: nothing in it can control a terminal, and it ends."""

from __future__ import annotations

import re
import unicodedata

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what is not seen but acts: control codes, directions and joiners, halves of characters,
separators of lines and paragraphs."""

MESSAGE = 4_000
"""How many characters of a message are shown. A judgement: 50 lines of a terminal."""

_END = 1_000
"""How many of these come from the message's end, which says what to do next."""

_BREAKS = re.compile(r"(\r?\n|\t)")


def plain(text: str) -> str:
    """Return the text on one line, with U+FFFD for every character that is hidden: no name controls a terminal."""
    if text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(each) in HIDDEN else each for each in text)


def plain_lines(text: str) -> str:
    """Return the text as :func:`plain` does, and keep its ends of lines and its tabs."""
    if text.isprintable() or text == "\n":
        return text
    return "".join(part if _BREAKS.fullmatch(part) else plain(part) for part in _BREAKS.split(text))


def cut(message: str) -> str:
    """Return a message of at most about :data:`MESSAGE` characters: a longer one lacks its middle."""
    left_out = len(message) - MESSAGE
    if left_out <= 0:
        return message
    return f"{message[: MESSAGE - _END]} [... {left_out:,} characters left out ...] {message[-_END:]}"
