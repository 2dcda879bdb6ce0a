"""Study the three tiling rules on tables of image sizes, and place single images: JSON on stdout.

    python -m models.study --images 20000 --seed 0            # drawn tables (models/sizes.py)
    python -m models.study --sizes sizes.csv                  # a table of yours
    python -m models.study --picture photo.jpg --picture 394x390 --grids 4x4

Nothing is measured: the rules are arithmetic (models/resolution.py). Repeats BlueLM-V-3B (arXiv 2411.10640), sec.
5.1 and Fig. 3, on other images: the list of sizes behind the paper's figures was not published.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from device_agents import ending
from device_agents.contract import Placement
from models.errors import PrepareError
from models.extras import need
from models.resolution import (
    TILE,
    Grid,
    Rule,
    choose_grid,
    choose_grids,
    image_tokens,
    place,
    square_candidates,
    tile_candidates,
)
from models.sizes import DRAWN, MOST_PIXELS, Sizes, drawn, read_sizes

SETS: Mapping[str, tuple[Sequence[Grid], Sequence[Grid]]] = {
    "3x3": (square_candidates(3), tile_candidates(9)),
    "4x4": (square_candidates(4), tile_candidates(16)),
    "max9": (tile_candidates(9), tile_candidates(9)),
}
"""Name -> candidates of `relaxed` and `llava_next`, and of `internvl`, whose own list is bounded by tiles alone:
by as many. The first is the paper's statistics (sec. 5.1); 4x4 is implied by its training up to 16 patches
(Tab. 8), with 16 for InternVL by our choice; the third gives all three rules the same 23 grids."""

PREVIEW_PIXELS = 480
"""Longest side of the copy of an image that the picture shows. A judgement: a page is 1,000 pixels wide."""


@dataclass(frozen=True)
class Pair:
    """How many images `rule` cuts into fewer tiles than the rule `than`, and into more; thumbnails not counted."""

    rule: Rule
    than: Rule
    fewer: int
    more: int


@dataclass(frozen=True)
class Row:
    """The rules on one set of grids: tokens of all images by rule, thumbnails included, and the pairs.

    For `nothing` images the published relaxed rule chooses no grid, and LLaVA-NeXT's choice stands in.
    """

    grids: str
    tokens: dict[Rule, int]
    pairs: list[Pair]
    nothing: int


@dataclass(frozen=True)
class Table:
    """What became of a table of image sizes: `images` in all, and a row for each set of grids."""

    name: str
    about: str
    images: int
    bad: int
    left_out: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True)
class Placed:
    """An image as one rule places it: its tiles and tokens, thumbnail included.

    Of the canvas's pixels, `black` are padding, and `enlarged` more than the image itself has.
    """

    rule: Rule
    placement: Placement
    tiles: int
    tokens: int
    canvas: int
    black: int
    enlarged: int


@dataclass(frozen=True)
class Picture:
    """One image on the grids of the three rules; `preview` is a small PNG in base64, empty for a bare size."""

    name: str
    width: int
    height: int
    grids: str
    preview: str
    placed: list[Placed]


def study(sizes: Sizes) -> Table:
    """Let the three rules choose for every image of a table, on every set of grids."""
    rows = [_row(sizes, name) for name in SETS]
    return Table(sizes.name, sizes.about, int(sizes.counts.sum()), sizes.bad, sizes.left_out, rows)


def _row(sizes: Sizes, name: str) -> Row:
    own, internvl = SETS[name]
    tiles, tokens, nothing = {}, {}, 0
    for rule in get_args(Rule):
        grids = internvl if rule == "internvl" else own
        chosen, gap = choose_grids(sizes.widths, sizes.heights, rule=rule, candidates=grids)
        tiles[rule] = np.array([columns * rows for columns, rows in grids])[chosen]
        images = np.zeros(len(grids), dtype=np.int64)
        np.add.at(images, chosen, sizes.counts)
        tokens[rule] = sum(
            image_tokens(grid, rule=rule) * int(many) for grid, many in zip(grids, images, strict=True)
        )
        nothing += int(sizes.counts[gap].sum())
    pairs = [
        Pair(a, b, int(sizes.counts[tiles[a] < tiles[b]].sum()), int(sizes.counts[tiles[a] > tiles[b]].sum()))
        for a, b in itertools.combinations(get_args(Rule), 2)
    ]
    return Row(name, tokens, pairs, nothing)


def picture(what: str, grids: str) -> Picture:
    """Place an image, given by its file or as WIDTHxHEIGHT, by each rule on a set of grids.

    Raises PrepareError as :func:`models.images.read_image`, and for a side beyond :data:`MOST_PIXELS`.
    """
    size = re.fullmatch(r"([0-9]{1,7})x([0-9]{1,7})", what)
    if size is not None and not Path(what).exists():
        width, height = int(size[1]), int(size[2])
        if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
            raise PrepareError(f"wanted sides of 1 to {MOST_PIXELS:,} pixels, found {what}: correct the size")
        preview = ""
    else:
        need("study", "models", "PIL")
        width, height, preview = _previewed(Path(what))
    return Picture(what, width, height, grids, preview, [_placed(width, height, r, grids) for r in get_args(Rule)])


def _previewed(path: Path) -> tuple[int, int, str]:
    """Return width, height and a small PNG of an image file."""
    from PIL import Image  # noqa: PLC0415 - Pillow is an extra: tables and bare sizes need none

    from models.images import read_image  # noqa: PLC0415 - as above

    pixels = read_image(path)
    small = Image.fromarray(pixels)
    small.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
    out = io.BytesIO()
    small.save(out, "PNG")
    return pixels.shape[1], pixels.shape[0], base64.b64encode(out.getvalue()).decode()


def _placed(width: int, height: int, rule: Rule, grids: str) -> Placed:
    own, internvl = SETS[grids]
    candidates = internvl if rule == "internvl" else own
    grid = choose_grid(width, height, rule=rule, candidates=candidates)
    found = place(width, height, grid, rule=rule)
    canvas, filled = grid[0] * grid[1] * TILE * TILE, found.fit_width * found.fit_height
    return Placed(
        rule=rule,
        placement=found,
        tiles=len(found.order),
        tokens=image_tokens(grid, rule=rule),
        canvas=canvas,
        black=canvas - filled,
        enlarged=max(0, filled - width * height),
    )


def main() -> int:
    """Print the study as JSON; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.study", description=__doc__)
    parser.add_argument("--sizes", type=Path, help="a CSV or TSV with the columns width, height and, maybe, count")
    parser.add_argument("--images", type=int, default=0, help="draw this many sizes for each drawn table")
    parser.add_argument("--seed", type=int, default=0, help="seed of the drawn tables (default 0)")
    parser.add_argument("--picture", action="append", default=[], help="an image file, or WIDTHxHEIGHT")
    parser.add_argument("--grids", choices=list(SETS), default="4x4", help="set of grids of pictures")
    arguments = parser.parse_args()
    try:
        sizes = [read_sizes(arguments.sizes)] if arguments.sizes else []
        sizes += [drawn(name, arguments.images, arguments.seed) for name in DRAWN if arguments.images > 0]
        found = {
            "tables": [asdict(study(each)) for each in sizes],
            "pictures": [asdict(picture(each, arguments.grids)) for each in arguments.picture],
        }
    except (PrepareError, OSError) as error:
        print(f"study: {error}", file=sys.stderr)  # noqa: T201 - this is the program's message
        return 2
    print(json.dumps(found, default=lambda each: each.model_dump()))  # noqa: T201 - this is the program's answer
    return 0


if __name__ == "__main__":
    ending.run("study", main)
