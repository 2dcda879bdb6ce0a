"""Pages of text and boxes as pixels, and where their characters stand."""

from __future__ import annotations

import numpy as np

from models.ink import Box, Text, draw, glyphs, width

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (200, 0, 0)


def test_a_box_fills_its_rectangle_and_nothing_else() -> None:
    """Left, top, width and height in pixels."""
    page = draw(8, 6, WHITE, (Box(2, 1, 3, 4, RED),), ())

    expected = np.full((6, 8, 3), 255, dtype=np.uint8)
    expected[1:5, 2:5] = RED
    assert np.array_equal(page, expected)


def test_what_leaves_the_page_is_cut_off() -> None:
    """On every side; what is inside is drawn."""
    page = draw(
        20, 20, WHITE, (Box(-5, -5, 8, 8, RED),), (Text(-4, -3, 16, "MM", BLACK), Text(14, 12, 16, "M", BLACK))
    )

    assert tuple(page[0, 0]) != WHITE
    assert page[3:12, 4:14].min() < 255
    assert page[16:, 16:].min() < 255


def test_the_ink_of_each_character_is_around_its_centre() -> None:
    """Half an advance to either side, less than an em up and down."""
    text = Text(5, 4, 20, "Ag 8", BLACK)
    page = draw(80, 40, WHITE, (), (text,))

    for glyph in glyphs((text,)):
        near = page[max(0, round(glyph.y) - 10) : round(glyph.y) + 10, round(glyph.x) - 3 : round(glyph.x) + 4]
        assert near.min() < 100, glyph
    assert [glyph.character for glyph in glyphs((text,))] == ["A", "g", "8"]
    assert page[:, 5 + width("Ag 8", 20) + 2 :].min() == 255
