"""Where each character of a page stands on the tiles of its image: the labels of the training's stage 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_agents.contract import Placement
from models.data import Page
from models.ink import glyphs
from models.vision import VisionConfig

SLOTS = 3
"""Characters that a patch may hold, side by side: text of 16 pixels is about 9 wide, a patch 14. Our choice."""

CODES = 97
"""Codes of a slot: 0 for nothing, then the 95 printable characters of ASCII from 32 on, and one to spare."""

LEAST = 7.0
"""Least height of legible text in pixels of a tile: our choice; what is smaller has no label."""


def cells_of(page: Page, placement: Placement, config: VisionConfig) -> npt.NDArray[np.int64]:
    """Return the codes on every tile [tiles, patches, SLOTS], tiles in the placement's order."""
    tile, side = config.tile_pixels, config.side
    cells = np.zeros((len(placement.order), side * side, SLOTS), dtype=np.int64)
    at = {number: place for place, number in enumerate(placement.order)}
    wide, high = placement.fit_width / page.width, placement.fit_height / page.height
    for glyph in glyphs(page.texts):
        if not 0 < (code := ord(glyph.character) - 31) < CODES:
            continue
        x, y = glyph.x * wide + placement.left, glyph.y * high + placement.top
        column, row = int(x // tile), int(y // tile)
        if 0 <= column < placement.columns and 0 <= row < placement.rows:
            number = 1 + row * placement.columns + column
            _mark(cells, at.get(number), x % tile, y % tile, glyph.height * min(wide, high), code, config)
        small = glyph.height * tile / max(page.width, page.height)
        x, y = glyph.x * tile / page.width, glyph.y * tile / page.height  # the thumbnail is squashed
        _mark(cells, at.get(0), x, y, small, code, config)
    return cells


def _mark(  # noqa: PLR0917 - one glyph's place
    cells: npt.NDArray[np.int64],
    place: int | None,
    x: float,
    y: float,
    height: float,
    code: int,
    config: VisionConfig,
) -> None:
    """Label the patch of a tile in which a glyph's centre lies, if the glyph is legible there."""
    column, row = int(x // config.patch_pixels), int(y // config.patch_pixels)
    if place is None or height < LEAST or not (0 <= column < config.side and 0 <= row < config.side):
        return
    slot = int((x - column * config.patch_pixels) / config.patch_pixels * SLOTS)
    cells[place, row * config.side + column, slot] = code
