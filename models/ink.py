"""Pages of text and boxes, drawn as pixels, and where each character of them stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import ImageFont

from models.images import RGB8

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Text:
    """One line of text: its left edge, the top of its em box and its size, all in pixels."""

    x: int
    y: int
    size: int
    words: str
    ink: Colour


@dataclass(frozen=True)
class Box:
    """A filled rectangle, in pixels."""

    x: int
    y: int
    width: int
    height: int
    fill: Colour


@dataclass(frozen=True)
class Glyph:
    """A character on a page: the centre of its advance box and the height of its em, in pixels."""

    character: str
    x: float
    y: float
    height: int


@cache
def _glyph(size: int, character: str) -> tuple[npt.NDArray[np.float32], int, int, int]:
    """Return a character's coverage [h, w, 1] of 0..1, its offset in the em box, and its advance."""
    font = _font(size)
    mask, (left, top) = font.getmask2(character, mode="L")
    width, height = mask.size
    coverage = np.array(mask, dtype=np.float32).reshape(height, width, 1) / 255.0
    return coverage, left, top, max(1, round(font.getlength(character)))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font (Aileron): it comes with the library, so a page is the same on every machine."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # for the type checker: with a size it is one
    return font


def width(words: str, size: int) -> int:
    """Return the width of a line of text in pixels."""
    return sum(_glyph(size, character)[3] for character in words)


def glyphs(texts: tuple[Text, ...]) -> Iterator[Glyph]:
    """Yield every visible character of the texts, in the order they are drawn."""
    for text in texts:
        x = text.x
        for character in text.words:
            advance = _glyph(text.size, character)[3]
            if character != " ":
                yield Glyph(character, x + advance / 2, text.y + 0.6 * text.size, text.size)
            x += advance


def draw(width: int, height: int, paper: Colour, boxes: tuple[Box, ...], texts: tuple[Text, ...]) -> RGB8:
    """Draw boxes, then texts, on paper -> RGB8 [height, width, 3]; what leaves the page is cut off."""
    page = np.empty((height, width, 3), dtype=np.uint8)
    page[:] = paper
    for box in boxes:
        page[max(0, box.y) : max(0, box.y + box.height), max(0, box.x) : max(0, box.x + box.width)] = box.fill
    for text in texts:
        ink = np.array(text.ink, dtype=np.float32)
        x = text.x
        for character in text.words:
            coverage, left, top, advance = _glyph(text.size, character)
            at_x, at_y = x + left, text.y + top
            under = page[max(0, at_y) : at_y + coverage.shape[0], max(0, at_x) : at_x + coverage.shape[1]]
            if under.size:
                part = coverage[max(0, -at_y) :, max(0, -at_x) :][: under.shape[0], : under.shape[1]]
                under[:] = (under + (ink - under) * part + 0.5).astype(np.uint8)
            x += advance
    return page
