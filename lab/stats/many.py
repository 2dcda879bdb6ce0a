"""Many comparisons judged at once, on arrays, by the one rule after every pair, as in a running comparison.

For benchmarks and self-checks, which judge thousands; `benchmarks verdicts` checks it against
:func:`lab.stats.compare.judge`, pair by pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lab.stats.compare import EDGE, SAME_WITHIN, SMALLEST_EFFECT
from lab.stats.interval import Looks
from lab.stats.plan import ORDER_GROUP
from lab.stats.sample import Floats
from lab.stats.sequential import reaches

Words = np.ndarray[tuple[int], np.dtype[np.str_]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
Flags2 = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Each comparison's verdict, the pairs it took, and whether its interval held the truth at every look."""

    verdicts: Words
    pairs: Floats
    covered: Flags


def drawn_orders(generator: np.random.Generator, comparisons: int, pairs: int) -> Flags2:
    """Return (comparisons, pairs), True where the candidate comes first, by the rule of `plan.order_of`."""
    groups = -(-pairs // ORDER_GROUP)
    half = np.arange(ORDER_GROUP) < ORDER_GROUP // 2
    drawn = generator.permuted(np.tile(half, (comparisons * groups, 1)), axis=1)
    return np.asarray(drawn.reshape(comparisons, -1)[:, :pairs], dtype=np.bool_)


def judge_many(logs: Floats, looks: Looks, firsts: Flags2 | None, truth: float = 0.0) -> Judged:
    """Judge comparisons given as log ratios (comparisons, pairs), for a metric where lower is better.

    Each stops at the first look whose verdict stands. `firsts`, of the same shape, is True where the candidate was
    measured first; None if the order is not known. `truth` is the true log ratio, for `covered`. Raises ValueError
    for fewer pairs than there are looks, and for another shape of `firsts`.
    """
    if logs.ndim != 2 or logs.shape[1] < looks.most:
        raise ValueError(f"wanted log ratios of comparisons with {looks.most} pairs each, found {logs.shape}")
    turns = np.zeros_like(logs) if firsts is None else np.where(firsts, 1.0, -1.0)
    if turns.shape != logs.shape:
        raise ValueError(f"wanted an order for each of {logs.shape} pairs, found {turns.shape}")
    sums, squares, turned, products = (
        np.cumsum(values, axis=1) for values in (logs, logs**2, turns, turns * logs)
    )
    verdicts = np.full(len(logs), "cannot tell", dtype="<U11")
    pairs = np.full(len(logs), float(looks.most))
    covered = np.ones(len(logs), dtype=np.bool_)
    for n in range(looks.first, looks.most + 1):
        mean, turn = sums[:, n - 1] / n, turned[:, n - 1] / n
        freedom = n - 1 if firsts is None else n - 2
        weight = n * (1 - turn**2)
        known = weight > 0.5
        weight = np.where(known, weight, 1.0)
        effect = 0.0 if firsts is None else (products[:, n - 1] - n * turn * mean) / weight
        centre = mean - effect * turn
        rest = squares[:, n - 1] - n * mean**2 - effect**2 * weight
        error = np.sqrt(np.maximum(rest, 0.0) / freedom / weight)
        towards, away = (reach * error for reach in reaches(looks, n, freedom))
        size = np.abs(centre)
        near = np.where(size > towards, size - towards, np.minimum(0, size - away))
        far = size + away
        low, high = np.where(centre >= 0, near, -far), np.where(centre >= 0, far, -near)
        covered &= ~known | ((low <= truth + 1e-12) & (truth <= high + 1e-12))
        changed = known & (near > 0) & (size > np.log1p(SMALLEST_EFFECT) + EDGE)
        same = known & ~changed & (np.maximum(far, -near) <= np.log1p(SAME_WITHIN) + EDGE)
        word = np.where(changed, np.where(centre > 0, "regressed", "improved"), "same")
        now = (verdicts == "cannot tell") & (changed | same)
        verdicts[now], pairs[now] = word[now], n
    return Judged(verdicts, pairs, covered)
