"""Two sets of trials compared: their ratio with its interval, judged by the one verdict rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from lab.errors import NotEnoughData
from lab.records import LEVEL, Dimension, Interval, Verdict
from lab.stats.interval import Looks, interval
from lab.stats.sample import Better, Medians, usable
from lab.stats.sequential import sequential

MIN_PAIRS = 20
"""Fewest pairs for which the signed-rank statistic is treated as normal. A judgement."""

SMALLEST_EFFECT = 0.03
"""d: the smallest change that may be reported as one. Policy, the least that methodology suggests for a phone
cell."""

SAME_WITHIN = 0.05
"""X: two sides are the same when the whole interval of their ratio lies within this share of 1. Policy."""

EDGE = 1e-9
"""Logarithms this close to a limit lie on it: rounding must not make a ratio and its inverse differ."""


@dataclass(frozen=True)
class Judgement:
    """The judgement of the pairs so far; `settled` means that the verdict stands and no further pair is needed.

    `change` is candidate / baseline with its sequential interval; None without any pair.
    """

    change: Interval | None
    verdict: Verdict
    settled: bool


def paired(candidate: Medians, baseline: Medians) -> list[float]:
    """Return candidate / baseline of every block that has both, in the order of blocks."""
    return [candidate[block] / baseline[block] for block in sorted(candidate.keys() & baseline.keys())]


def judge(
    candidate: Medians,
    baseline: Medians,
    better: Better,
    looks: Looks,
    *,
    firsts: Mapping[int, bool] | None,
    dimension: Dimension = "build",
    d: float = SMALLEST_EFFECT,
    x: float = SAME_WITHIN,
) -> Judgement:
    """Judge a running comparison: apply the rule of :func:`verdict` to the sequential interval.

    Call it after every pair; the first settled judgement is final, and is right about as often as `looks.level`
    says. `firsts` says of every block whether the candidate was measured first; None if that is not known. The
    verdict is `cannot tell` without any pair and before the first look. Raises ValueError for a median that is
    not finite and above zero (such a trial was never valid) and for more pairs than `looks.most`.
    """
    if not usable([*candidate.values(), *baseline.values()]):
        raise ValueError("wanted trial medians that are finite and above zero, found another among the two sides")
    blocks = sorted(candidate.keys() & baseline.keys())
    if not blocks:
        return Judgement(None, "cannot tell", False)
    turns = None if firsts is None else [firsts[block] for block in blocks]
    change = sequential(paired(candidate, baseline), looks, turns)
    found = verdict(change, better, dimension=dimension, d=d, x=x)
    return Judgement(change, found, found != "cannot tell")


def ratio(candidate: Medians, baseline: Medians, level: float = LEVEL) -> Interval:
    """Return candidate / baseline with its interval, paired by block, from log trial medians (block -> median).

    A block that lacks either is left out; `n` counts pairs. With fewer than MIN_TRIALS pairs `low` and `high` are
    None. Raises NotEnoughData without any common block.
    """
    ratios = paired(candidate, baseline)
    if not ratios:
        raise NotEnoughData("wanted a ratio paired by block, found no block with a valid trial of both")
    return interval(ratios, level)


def robust_ratio(ratios: Sequence[float], level: float = LEVEL) -> Interval:
    """Return the Hodges-Lehmann centre of paired ratios, with the interval that inverts the signed-rank test.

    On logarithms: the median of all pairwise means, and the order statistics of those means at
    n (n + 1) / 4 -+ z sqrt(n (n + 1) (2 n + 1) / 24) (Hollander, Wolfe and Chicken, Nonparametric Statistical
    Methods, 2014, sec. 3.2-3.3). For many heavy-tailed pairs from one process, where single slow iterations
    would widen a t interval; trials are few, use :func:`ratio` for them. Raises NotEnoughData with fewer than
    MIN_PAIRS pairs (the normal approximation) and ValueError for a ratio that is not finite and above zero.
    """
    if len(ratios) < MIN_PAIRS:
        raise NotEnoughData(f"wanted at least {MIN_PAIRS} pairs for a signed-rank interval, found {len(ratios)}")
    if not usable(ratios):
        raise ValueError("wanted ratios that are finite and above zero")
    logs = np.log(np.asarray(ratios, dtype=np.float64))
    first, second = np.triu_indices(logs.size)
    means = np.sort((logs[first] + logs[second]) / 2)
    n = logs.size
    reach = float(ndtri((1 + level) / 2)) * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    cut = max(0, math.floor(n * (n + 1) / 4 - reach))
    low, high = (float(np.exp(means[index])) for index in (cut, means.size - 1 - cut))
    return Interval(float(np.exp(np.median(means))), low, high, level, n)


def verdict(
    change: Interval,
    better: Better,
    *,
    dimension: Dimension = "build",
    d: float = SMALLEST_EFFECT,
    x: float = SAME_WITHIN,
) -> Verdict:
    """Judge the ratio candidate / baseline of a metric: the rule of every comparison.

    It is a change when the interval excludes 1 and the estimate is beyond d: `regressed` or `improved` between
    builds or runtimes, `slower` or `faster` between parameters or devices. Else it is `same` when the interval
    lies within +-x; a change between d and x is a change. Otherwise, and without an interval, it is `cannot
    tell`. Both limits are symmetric in the logarithm
    (1 + d and 1 / (1 + d)), so that swapping the sides mirrors the verdict. `incomparable` sides are found by
    `lab.compare.comparable` and never measured.
    """
    if change.low is None or change.high is None:
        return "cannot tell"
    low, high, estimate = math.log(change.low), math.log(change.high), math.log(change.estimate)
    if (low > 0 or high < 0) and abs(estimate) > math.log1p(d) + EDGE:
        worse = (estimate > 0) == (better == "lower")
        if dimension in ("build", "runtime"):
            return "regressed" if worse else "improved"
        return "slower" if worse else "faster"
    if max(abs(low), abs(high)) <= math.log1p(x) + EDGE:
        return "same"
    return "cannot tell"


def smallest_visible_change(change: Interval) -> float | None:
    """Return the half-width of a ratio's interval as a share (0.02 = 2 %); a smaller change cannot be seen.

    None without an interval.
    """
    if change.low is None or change.high is None:
        return None
    return math.sqrt(change.high / change.low) - 1
