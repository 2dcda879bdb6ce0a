"""The smallest change that a comparison finds in nine of ten, at a given spread of its pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.special import chdtri

from lab.stats.compare import SMALLEST_EFFECT
from lab.stats.interval import Looks
from lab.stats.many import Flags2, drawn_orders, judge_many
from lab.stats.sample import Floats

FOUND = 0.9
"""Share of comparisons that find the change; a judgement: nine in ten."""

UNLUCKY = 0.35
"""The share of its distribution below which the seen spread is taken to lie. A comparison stops when its pairs
happen to agree, so the seen spread is small by luck; at .35 what is said is found in .87 to .91 of comparisons
(`benchmarks comparison_sentences`), at .5 in .84 to .89."""

DRAWN = 1000
"""Comparisons drawn: the share found is known to a hundredth."""

LARGEST = 1.0
"""Largest change searched for: twice the time. A judgement: a device that misses that shows nothing."""


def smallest_found(spread: float, freedom: int, looks: Looks) -> float | None:
    """Return the smallest change, as a share (0.05 = 5 %), that a share FOUND of comparisons call a change.

    `spread` is the standard deviation of a pair's log ratio, seen with `freedom` degrees of freedom; the true one
    is taken to be a little larger (UNLUCKY). The comparisons are drawn from normal noise by one
    seed and judged by the rule itself, after every pair, to the last one; by bisection, to a thousandth. At no
    spread it is d, below which nothing is called a change. None if even LARGEST is found less often.
    """
    true = spread * math.sqrt(freedom / float(chdtri(freedom, 1 - UNLUCKY)))
    return _found(float(f"{true:.2g}"), looks)


@lru_cache(maxsize=256)
def _found(spread: float, looks: Looks) -> float | None:
    noise, firsts = _drawn(looks.most)

    def well_found(change: float) -> bool:
        judged = judge_many(spread * noise + math.log1p(change), looks, firsts)
        return float(np.mean(judged.verdicts == "regressed")) >= FOUND

    return SMALLEST_EFFECT if spread == 0 else least(well_found, above=SMALLEST_EFFECT)


def least(well_found: Callable[[float], bool], *, above: float) -> float | None:
    """Return the least change that is found well enough, by bisection to a thousandth; None if LARGEST is not."""
    low, high = above, LARGEST
    if not well_found(high):
        return None
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if well_found(middle) else (middle, high)
    return high


@lru_cache(maxsize=4)
def _drawn(pairs: int) -> tuple[Floats, Flags2]:
    """Return unit noise and the orders of pairs, each (DRAWN, pairs)."""
    generator = np.random.default_rng(19)
    return generator.normal(size=(DRAWN, pairs)), drawn_orders(generator, DRAWN, pairs)
