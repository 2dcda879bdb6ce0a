"""Dynamic resolution: choose the grid of tiles for an image and place the image on it.

Three published rules choose the grid (:func:`choose_grid`):

- ``relaxed``: relaxed aspect ratio matching, BlueLM-V-3B (arXiv 2411.10640), Algorithm 1, sec. 3.2;
- ``llava_next``: ``select_best_resolution`` in LLaVA-VL/LLaVA-NeXT, ``llava/mm_utils.py``;
- ``internvl``: ``find_closest_aspect_ratio`` in OpenGVLab/InternVL, ``internvl_chat/internvl/train/dataset.py``.

A grid is (columns, rows), written 2:4 in the paper; widths come before heights everywhere. The rules
compare floating-point numbers, each candidate with the one kept so far, so they are loops over floats here
too: exact fractions, or a minimum over a key, would sometimes choose another grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from device_agents.contract import Placement

Grid = tuple[int, int]
"""Columns, rows."""

Rule = Literal["relaxed", "llava_next", "internvl"]
"""The rule that chooses the grid, and the published code that places the image on it."""

TILE = 384
"""Side of a tile in pixels: the input of SigLIP-so400m-patch14-384, the paper's encoder."""

ALPHA = 0.1
"""The relaxed rule's margin: a share of the resolution kept so far (BlueLM-V-3B, Algorithm 1)."""

TOKENS_PER_TILE = 196
"""Language-model tokens per tile: 27 x 27, padded to 28 x 28, in blocks of 2 x 2 (BlueLM-V-3B)."""


@dataclass(frozen=True)
class Step:
    """A grid that the relaxed rule accepted, with the pixels it keeps (`real`) and wastes (`empty`)."""

    grid: Grid
    real: int
    empty: int


def square_candidates(n: int) -> tuple[Grid, ...]:
    """Return the n*n grids from n:n down to 1:1, columns descending, then rows descending.

    The paper says only "descending, e.g. from 3:3 to 1:1", not whether by columns or by area.
    Its statistics use n = 3; training "up to 16 patches" and 2:4 for phone screens imply n = 4.
    Raises ValueError if `n` is below 1.
    """
    _at_least_one("n", n)
    return tuple((columns, rows) for columns in range(n, 0, -1) for rows in range(n, 0, -1))


def tile_candidates(max_tiles: int) -> tuple[Grid, ...]:
    """Return InternVL's list: every grid of at most `max_tiles` tiles, by area, then by columns.

    InternVL sorts a set by area, so the order within one area is arbitrary; it never affects the choice
    (a test shows this for 6, 9, 12 and 16 tiles). InternVL 1.5 was trained with up to 12.
    Raises ValueError if `max_tiles` is below 1.
    """
    _at_least_one("max_tiles", max_tiles)
    grids = [(i, j) for i in range(1, max_tiles + 1) for j in range(1, max_tiles // i + 1)]
    return tuple(sorted(grids, key=lambda grid: (grid[0] * grid[1], grid)))


def choose_grid(width: int, height: int, *, rule: Rule, candidates: Sequence[Grid], tile: int = TILE) -> Grid:
    """Choose the grid of `tile`-pixel tiles for an image of width x height pixels, always one of `candidates`.

    ``relaxed`` visits the candidates in descending order (columns, then rows), whatever their order;
    the other two visit them in the given order, which matters only for exact ties.

    The published relaxed rule has a gap: if the short side of a very long image scales to 0 pixels on every
    candidate (1x1153 and beyond with 3x3), it chooses nothing. We then choose as LLaVA-NeXT does: the
    candidate with the least empty area, which is 1:1 if that is a candidate.

    Raises ValueError for a side, a tile or a grid below 1, no candidates, or an unknown rule.
    """
    _check(width, height, rule, candidates, tile)
    if rule == "internvl":
        return _internvl(width, height, candidates, tile)
    if rule == "relaxed":
        trace = relaxed_trace(width, height, candidates=candidates, tile=tile)
        if trace:
            return trace[-1].grid
    return _llava_next(width, height, candidates, tile)


Sides = npt.NDArray[np.int64]
"""Sides of many images in pixels, or the numbers of their grids: [n]."""


def choose_grids(
    widths: Sides, heights: Sides, *, rule: Rule, candidates: Sequence[Grid], tile: int = TILE
) -> tuple[Sides, npt.NDArray[np.bool_]]:
    """Choose a grid for each of many images as :func:`choose_grid` does -> the place of each in `candidates` [n].

    The second array [n] is true where the published relaxed rule chooses nothing. The same steps on the same
    64-bit floats, image beside image: every choice is equal, ties included (a property test compares them).
    Raises ValueError as :func:`choose_grid`.
    """
    for side in (widths, heights):
        if len(side):
            _check(int(side.min()), 1, rule, candidates, tile)
    if rule == "internvl":
        return _internvl_grids(widths, heights, candidates, tile), np.zeros(len(widths), dtype=bool)
    if rule == "llava_next":
        return _llava_next_grids(widths, heights, candidates, tile), np.zeros(len(widths), dtype=bool)
    chosen = np.full(len(widths), -1)
    kept, waste = np.zeros(len(widths), dtype=np.int64), np.full(len(widths), math.inf)
    for place in sorted(range(len(candidates)), key=lambda each: candidates[each], reverse=True):
        real, empty = _many_pixels(widths, heights, candidates[place], tile)
        better = (real - kept > ALPHA * kept) | ((kept - real < ALPHA * kept) & (empty < waste))
        chosen[better], kept[better], waste[better] = place, real[better], empty[better]
    nothing = chosen < 0
    chosen[nothing] = _llava_next_grids(widths[nothing], heights[nothing], candidates, tile)
    return chosen, nothing


def relaxed_trace(
    width: int, height: int, *, candidates: Sequence[Grid], tile: int = TILE, alpha: float = ALPHA
) -> tuple[Step, ...]:
    """Return every grid the relaxed rule accepted, in order; the last is its choice, an empty tuple is the gap.

    A grid replaces the current one if it keeps more pixels by over `alpha`, or if it loses less than `alpha`
    and wastes less. The pixels kept may therefore fall. BlueLM-V-3B (arXiv 2411.10640), Algorithm 1.
    """
    _check(width, height, "relaxed", candidates, tile)
    steps: list[Step] = []
    kept, waste = 0, math.inf
    for grid in sorted(candidates, reverse=True):
        real, empty = _pixels(width, height, grid, tile)
        larger = (real - kept) > alpha * kept
        leaner = (kept - real) < alpha * kept and empty < waste
        if larger or leaner:
            steps.append(Step(grid, real, empty))
            kept, waste = real, empty
    return tuple(steps)


def place(width: int, height: int, grid: Grid, *, rule: Rule, tile: int = TILE) -> Placement:
    """Place an image of width x height pixels on a canvas of columns x rows tiles.

    ``relaxed`` and ``llava_next``: as LLaVA-NeXT's ``resize_and_pad_image``, scaled to fit with the aspect
    kept, centred on black (an odd pixel goes right or below). BlueLM-V-3B does not specify this and builds on
    that code. ``internvl``: as InternVL's ``dynamic_preprocess``, stretched over the whole canvas.
    In both, the thumbnail is the whole image resized to one tile; `order` is that of :func:`encode_order`.

    Raises ValueError for a side, a tile or a grid below 1, or an unknown rule.
    """
    _check(width, height, rule, [grid], tile)
    columns, rows = grid
    target_width, target_height = tile * columns, tile * rows
    fit_width, fit_height = target_width, target_height
    if rule != "internvl":
        scale_width, scale_height = target_width / width, target_height / height
        if scale_width < scale_height:
            fit_height = min(math.ceil(height * scale_width), target_height)
        else:
            fit_width = min(math.ceil(width * scale_height), target_width)
    return Placement(
        rule=rule,
        columns=columns,
        rows=rows,
        fit_width=fit_width,
        fit_height=fit_height,
        left=(target_width - fit_width) // 2,
        top=(target_height - fit_height) // 2,
        order=list(encode_order(grid, rule=rule)),
    )


def encode_order(grid: Grid, *, rule: Rule) -> tuple[int, ...]:
    """Return the order in which the tiles (1.., row by row) and the thumbnail (0) are encoded.

    ``relaxed`` and ``llava_next``: the thumbnail always first, so 1:1 takes two tiles.
    ``internvl``: the thumbnail last, and none for a single tile.
    """
    _check(1, 1, rule, [grid], 1)
    tiles = tuple(range(1, grid[0] * grid[1] + 1))
    if rule != "internvl":
        return (0, *tiles)
    return (*tiles, 0) if len(tiles) > 1 else tiles


def image_tokens(grid: Grid, *, rule: Rule, per_tile: int = TOKENS_PER_TILE) -> int:
    """Return the tokens of an image, thumbnail included: 2:4 relaxed is 9 tiles and 1764 tokens."""
    return len(encode_order(grid, rule=rule)) * per_tile


def _pixels(width: int, height: int, grid: Grid, tile: int) -> tuple[int, int]:
    """Return the pixels that an image keeps on a grid, never more than it has, and the empty ones."""
    target_width, target_height = tile * grid[0], tile * grid[1]
    scale = min(target_width / width, target_height / height)
    real = min(int(width * scale) * int(height * scale), width * height)
    return real, target_width * target_height - real


def _llava_next(width: int, height: int, candidates: Sequence[Grid], tile: int) -> Grid:
    """Return the grid that keeps the most pixels, then wastes the fewest; the first of exact ties."""
    chosen = candidates[0]
    kept, waste = 0, math.inf
    for grid in candidates:
        real, empty = _pixels(width, height, grid, tile)
        if real > kept or (real == kept and empty < waste):
            chosen, kept, waste = grid, real, empty
    return chosen


def _internvl(width: int, height: int, candidates: Sequence[Grid], tile: int) -> Grid:
    """Return the grid with the closest aspect; a later tie wins if the image fills over half of it."""
    chosen = candidates[0]
    aspect, best_gap = width / height, math.inf
    for columns, rows in candidates:
        gap = abs(aspect - columns / rows)
        if gap < best_gap:
            best_gap, chosen = gap, (columns, rows)
        elif gap == best_gap and width * height > 0.5 * tile * tile * columns * rows:
            chosen = (columns, rows)
    return chosen


def _many_pixels(widths: Sides, heights: Sides, grid: Grid, tile: int) -> tuple[Sides, Sides]:
    """Return what :func:`_pixels` does, for many images."""
    target_width, target_height = tile * grid[0], tile * grid[1]
    scale = np.minimum(target_width / widths, target_height / heights)
    fit = (widths * scale).astype(np.int64) * (heights * scale).astype(np.int64)
    real = np.minimum(fit, widths * heights)
    return real, target_width * target_height - real


def _llava_next_grids(widths: Sides, heights: Sides, candidates: Sequence[Grid], tile: int) -> Sides:
    """Return the places of the grids that :func:`_llava_next` chooses."""
    chosen = np.zeros(len(widths), dtype=np.int64)
    kept, waste = np.zeros(len(widths), dtype=np.int64), np.full(len(widths), math.inf)
    for place, grid in enumerate(candidates):
        real, empty = _many_pixels(widths, heights, grid, tile)
        better = (real > kept) | ((real == kept) & (empty < waste))
        chosen[better], kept[better], waste[better] = place, real[better], empty[better]
    return chosen


def _internvl_grids(widths: Sides, heights: Sides, candidates: Sequence[Grid], tile: int) -> Sides:
    """Return the places of the grids that :func:`_internvl` chooses."""
    chosen = np.zeros(len(widths), dtype=np.int64)
    aspects, best_gap = widths / heights, np.full(len(widths), math.inf)
    for place, (columns, rows) in enumerate(candidates):
        gap = np.abs(aspects - columns / rows)
        tied = (gap == best_gap) & (widths * heights > 0.5 * tile * tile * columns * rows)
        chosen[(gap < best_gap) | tied] = place
        best_gap = np.minimum(gap, best_gap)
    return chosen


def _check(width: int, height: int, rule: str, candidates: Sequence[Grid], tile: int) -> None:
    _at_least_one("width", width)
    _at_least_one("height", height)
    _at_least_one("tile", tile)
    if rule not in get_args(Rule):
        raise ValueError(f"wanted a rule out of {', '.join(get_args(Rule))}; found {rule!r}")
    if not candidates:
        raise ValueError("wanted at least one candidate grid, found none: see square_candidates, tile_candidates")
    for columns, rows in candidates:
        if columns < 1 or rows < 1:
            raise ValueError(f"wanted grids of at least 1 column and 1 row, found {columns}:{rows}")


def _at_least_one(what: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"wanted {what} of at least 1, found {value}")
