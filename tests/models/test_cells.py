"""Where characters stand on tiles."""

from __future__ import annotations

import numpy as np

from models.cells import SLOTS, cells_of
from models.data import Page
from models.ink import Text, width
from models.prompt import placed
from models.vision import VisionConfig

VISION = VisionConfig(tile_pixels=384, patch_pixels=14, hidden=8, mlp=8, layers=1, heads=1)
INK = (0, 0, 0)


def page_of(wide: int, high: int, *texts: Text) -> Page:
    """A white page with texts and no question."""
    return Page(wide, high, (255, 255, 255), (), texts, (), "by hand 0")


def test_a_character_is_in_the_patch_of_its_centre() -> None:
    """Two tiles side by side at full size: 400 pixels from the left is 16 into the second, patch column 1."""
    x = 400 - width("A", 20) // 2
    one = page_of(768, 384, Text(x, 100 - 12, 20, "A", INK))
    cells = cells_of(one, placed(768, 384, 384), VISION)

    assert cells.shape == (3, 729, SLOTS)
    found = np.argwhere(cells[1:])
    assert [tuple(each[:2]) for each in found] == [(1, (100 // 14) * 27 + 16 // 14)]
    assert cells[1:].max() == ord("A") - 31


def test_the_thumbnail_has_what_is_legible_on_it() -> None:
    """1536 pixels high, squashed to 384: 40 pixels become 10, and 20 become 5, which nobody reads."""
    one = page_of(768, 1536, Text(100, 100, 40, "A", INK), Text(100, 300, 20, "B", INK))
    cells = cells_of(one, placed(768, 1536, 384), VISION)

    assert set(cells[0][cells[0] > 0]) == {ord("A") - 31}
    assert set(cells[1:][cells[1:] > 0]) == {ord("A") - 31, ord("B") - 31}


def test_what_no_patch_covers_has_no_cell() -> None:
    """The last 6 pixels of a tile's 384 are outside its 27 patches of 14."""
    one = page_of(384, 384, Text(10, 384 - 15, 20, "A", INK))  # its centre is 3 pixels from the edge

    assert cells_of(one, placed(384, 384, 384), VISION).max() == 0
