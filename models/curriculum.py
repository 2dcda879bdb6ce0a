"""What each step of training works on: the stages, and their pages, questions and rates, from a seed alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models.cells import cells_of
from models.data import Dice, Page, page
from models.packed import Asked, asked
from models.prepare import tiles_of
from models.prompt import placed
from models.vision import VisionConfig

Name = Literal["glyphs", "text", "projector", "everything"]


@dataclass(frozen=True)
class Stage:
    """A stage of training: `pages` (for `glyphs`: tiles) a step, at most `questions` on each page.

    `rate` is the peak learning rate.
    """

    name: Name
    steps: int
    pages: int
    questions: int
    rate: float


WIDER = 2304 / 192
"""How much wider the decoder is that stands for the paper's (MiniCPM-2B) than the one we train."""

STAGES = (
    Stage("glyphs", 1500, 24, 0, 1e-3),
    Stage("text", 3000, 16, 16, 1e-3),
    Stage("projector", 300, 16, 16, 1e-3),
    Stage("everything", 3000, 8, 16, 1e-4 * math.sqrt(WIDER)),
)
"""Stage 0 in two halves, then the paper's stages 1 and 2 with its peak rates (Tab. 7 and 8). That of `everything`
grows with the square root of how much narrower our model is: our rule."""

WARM_UP = 0.01
"""Share of a stage's steps in which its rate rises: 34 of 3434 and 1310 of 131k in the paper (Tab. 7, 8)."""

FIELDS = ((0.2, 2), (0.35, 4), (0.5, 8), (0.6, 16))
"""Stage `text`: until this share of its steps, only pages with at most so many questions. A decoder learns to read
some value on a page with few, and only then to choose among many (docs/lab-log.md)."""

TILES = ((0.5, 2), (0.65, 5), (0.8, 8))
"""Stages `text` and `everything`: until this share of their steps, only images of at most so many tiles."""

LEGIBLE = 8
"""Fewest characters on a tile that stage `glyphs` learns from."""

READ = 40
"""Most characters that a page's one question to read aloud asks for."""


@dataclass(frozen=True)
class Work:
    """What the model is shown at once: tiles [t, 3, S, S] or cells [t, P, slots], and what it must say.

    Without questions (`glyphs`) that is the `codes` [n, slots] of the patches `picked` [t, P].
    """

    shown: Tensor
    questions: Asked | None = None
    picked: Tensor | None = None
    codes: Tensor | None = None


def rate_at(stage: Stage, step: int) -> float:
    """Return the learning rate of a step: a linear warm-up, then a cosine to 0."""
    warm = max(1, round(WARM_UP * stage.steps))
    return stage.rate * min(1.0, (step + 1) / warm) * 0.5 * (1.0 + math.cos(math.pi * step / stage.steps))


def limit(table: Sequence[tuple[float, int]], share: float, otherwise: int) -> int:
    """Return what a table of limits says at a share of the steps."""
    return next((most for until, most in table if share < until), otherwise)


def work_of(stage: Stage, step: int, seed: int, vision: VisionConfig) -> Iterator[Work]:
    """Yield the works of a step, whose losses are averaged."""
    dice = Dice(f"{seed} {stage.name} {step}")
    if stage.name == "glyphs":
        yield _glyphs(stage, dice, vision)
        return
    share = step / stage.steps
    fields = limit(FIELDS, share, 99) if stage.name == "text" else 99
    tiles = 2 if stage.name == "projector" else limit(TILES, share, 17)
    for _ in range(stage.pages):
        one = _page(dice, fields, tiles, vision)
        pairs = pairs_of(one, dice, stage.questions)
        yield written(one, pairs, vision) if stage.name == "text" else shown(one, pairs, vision)


def shown(one: Page, pairs: Sequence[tuple[str, str]], vision: VisionConfig) -> Work:
    """Show the tiles of a page with questions."""
    placement = placed(one.width, one.height, vision.tile_pixels)
    return Work(tiles_of(one.pixels, placement, vision.tile_pixels), asked(pairs))


def written(one: Page, pairs: Sequence[tuple[str, str]], vision: VisionConfig) -> Work:
    """Show the cells of a page's characters with questions; without the thumbnail of a one-tile page."""
    placement = placed(one.width, one.height, vision.tile_pixels)
    cells = torch.from_numpy(cells_of(one, placement, vision))
    return Work(cells[1:] if len(cells) == 2 else cells, asked(pairs))


def pairs_of(one: Page, dice: Dice, most: int) -> list[tuple[str, str]]:
    """Return questions with answers, and one to read on from some text of the page, in reading order."""
    chosen = dice.several(one.questions, min(most, len(one.questions)))
    lines = [text.words for text in sorted(one.texts, key=lambda text: (text.y, text.x))]
    start = dice.below(len(lines))
    aloud = " ".join(lines[start : start + 8])[:READ]
    return [*((each.text, each.answer) for each in chosen), (f"Read from {lines[start]}.", aloud)]


def _page(dice: Dice, fields: int, tiles: int, vision: VisionConfig) -> Page:
    """Draw pages until one has at most so many questions and tiles."""
    while True:
        one = page("train", dice.below(2**31), dice.below(2**31))
        few = 0 < len(one.questions) <= fields
        if few and len(placed(one.width, one.height, vision.tile_pixels).order) <= tiles:
            return one


def _glyphs(stage: Stage, dice: Dice, vision: VisionConfig) -> Work:
    """Collect tiles with text; picks every patch with a character and one of twenty without."""
    tiles: list[Tensor] = []
    codes: list[Tensor] = []
    while len(tiles) < stage.pages:
        one = _page(dice, 99, 17, vision)
        placement = placed(one.width, one.height, vision.tile_pixels)
        cells = torch.from_numpy(cells_of(one, placement, vision))
        legible = [i for i, cell in enumerate(cells) if int((cell > 0).sum()) >= LEGIBLE]
        if legible:
            cut = tiles_of(one.pixels, placement, vision.tile_pixels)
            for i in dice.several(legible, min(4, len(legible), stage.pages - len(tiles))):
                tiles.append(cut[i])
                codes.append(cells[i])
    labels = torch.stack(codes)
    noise = torch.rand(labels.shape[:2], generator=torch.Generator().manual_seed(dice.below(2**31)))
    picked = (labels > 0).any(-1) | (noise < 0.05)
    return Work(torch.stack(tiles), picked=picked, codes=labels[picked])
