"""How an image and an instruction become a prompt: the one layout of inputs and of questions. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

from device_agents.contract import Placement, Segment
from models import tokenizer
from models.resolution import choose_grid, place, square_candidates

CANDIDATES = square_candidates(4)
"""1:1 to 4:4: implied by the paper's training up to 16 patches (arXiv 2411.10640, Tab. 8)."""

BEFORE = (tokenizer.BEGIN, *tokenizer.encode("User: "))
AFTER = tuple(tokenizer.encode("\nAssistant: "))
"""Token ids before the image, and after the instruction. Our own template: the paper prints none."""


def placed(width: int, height: int, tile: int) -> Placement:
    """Place an image of width x height pixels by the relaxed rule, the paper's, on tiles of `tile` pixels."""
    grid = choose_grid(width, height, rule="relaxed", candidates=CANDIDATES, tile=tile)
    return place(width, height, grid, rule="relaxed", tile=tile)


def prompt_of(ask: Sequence[int], *, image: bool) -> list[Segment]:
    """Return a prompt's segments: the template, the image if there is one, and the instruction's token ids."""
    return [Segment(ids=list(BEFORE)), *([Segment(ids=None)] if image else []), Segment(ids=[*ask, *AFTER])]


TEMPLATE = len(BEFORE) + len(AFTER)
"""How many tokens of a prompt are the template's."""
