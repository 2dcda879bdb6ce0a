"""Two sets of trials against each other: the ratio with its interval, and the one verdict rule."""

from __future__ import annotations

import math
from typing import Literal

from lab.errors import NotEnoughData
from lab.records import Interval
from lab.stats.summary import LEVEL, Better, Medians, interval

Verdict = Literal["regressed", "improved", "slower", "faster", "same", "cannot tell", "incomparable"]
Dimension = Literal["build", "runtime", "parameter", "device"]

SMALLEST_EFFECT = 0.03
"""d: the smallest change that may be called one. Policy, the least that methodology suggests for a phone cell."""

SAME_WITHIN = 0.05
"""X: two things are the same when the whole interval of their ratio lies within this share of 1. Policy."""


def ratio(candidate: Medians, baseline: Medians, level: float = LEVEL) -> Interval:
    """Return candidate / baseline with its interval, paired by block, from log trial medians (block -> median).

    A block that lacks either is left out; `n` counts pairs. Under MIN_TRIALS pairs `low` and `high` are
    None. Raises NotEnoughData without any common block.
    """
    common = sorted(candidate.keys() & baseline.keys())
    if not common:
        raise NotEnoughData("wanted a ratio paired by block, found no block with a valid trial of both")
    return interval([candidate[block] / baseline[block] for block in common], level)


def verdict(
    change: Interval,
    better: Better,
    *,
    dimension: Dimension = "build",
    same_context: bool = True,
    d: float = SMALLEST_EFFECT,
    x: float = SAME_WITHIN,
) -> Verdict:
    """Judge the ratio candidate / baseline of a metric; the rule every comparison uses.

    `incomparable` when the contexts differ beyond the declared dimension. A change when the interval
    excludes 1 and the estimate is beyond d: `regressed` or `improved` between builds or runtimes,
    `slower` or `faster` between parameters or devices. `same` when the interval lies within +-x.
    Otherwise, and without an interval, `cannot tell`. Both limits are symmetric in the logarithm
    (1 + d and 1 / (1 + d)), so that swapping the sides mirrors the verdict.
    """
    if not same_context:
        return "incomparable"
    if change.low is None or change.high is None:
        return "cannot tell"
    low, high, estimate = math.log(change.low), math.log(change.high), math.log(change.estimate)
    if (low > 0 or high < 0) and abs(estimate) > math.log1p(d):
        worse = (estimate > 0) == (better == "lower")
        if dimension in ("build", "runtime"):
            return "regressed" if worse else "improved"
        return "slower" if worse else "faster"
    if max(abs(low), abs(high)) <= math.log1p(x):
        return "same"
    return "cannot tell"


def smallest_visible_change(change: Interval) -> float | None:
    """Return the half-width of a ratio's interval as a share (0.02 = 2 %): less than that stays unseen.

    None where there is no interval.
    """
    if change.low is None or change.high is None:
        return None
    return math.sqrt(change.high / change.low) - 1
