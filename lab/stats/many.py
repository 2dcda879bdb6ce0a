"""Many comparisons judged at once, on arrays, by the one rule after every pair, as in a running comparison.

For benchmarks and self-checks, which judge thousands; `benchmarks verdicts` checks it against
:func:`lab.stats.compare.judge`, pair by pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.stats.compare import SAME_WITHIN, SMALLEST_EFFECT
from lab.stats.interval import Looks
from lab.stats.sample import Floats
from lab.stats.sequential import reaches

Words = np.ndarray[tuple[int], np.dtype[np.str_]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Judged:
    """Each comparison's verdict, the pairs it took, and whether its interval held the truth at every look."""

    verdicts: Words
    pairs: Floats
    covered: Flags


def judge_many(logs: Floats, looks: Looks, truth: float = 0.0) -> Judged:
    """Judge comparisons given as log ratios (comparisons, pairs), for a metric where lower is better.

    Each stops at the first look whose verdict stands. `truth` is the true log ratio, for `covered`. Raises
    ValueError for fewer pairs than there are looks.
    """
    if logs.ndim != 2 or logs.shape[1] < looks.most:
        raise ValueError(f"wanted log ratios of comparisons with {looks.most} pairs each, found {logs.shape}")
    verdicts = np.full(len(logs), "cannot tell", dtype="<U11")
    pairs = np.full(len(logs), float(looks.most))
    covered = np.ones(len(logs), dtype=np.bool_)
    for n in range(looks.first, looks.most + 1):
        centre, error = logs[:, :n].mean(axis=1), logs[:, :n].std(axis=1, ddof=1) / np.sqrt(n)
        towards, away = (reach * error for reach in reaches(looks, n))
        size = np.abs(centre)
        near = np.where(size > towards, size - towards, np.minimum(0, size - away))
        far = size + away
        low, high = np.where(centre >= 0, near, -far), np.where(centre >= 0, far, -near)
        covered &= (low <= truth + 1e-12) & (truth <= high + 1e-12)
        changed = (near > 0) & (size > np.log1p(SMALLEST_EFFECT))
        same = ~changed & (np.maximum(far, -near) <= np.log1p(SAME_WITHIN))
        word = np.where(changed, np.where(centre > 0, "regressed", "improved"), "same")
        now = (verdicts == "cannot tell") & (changed | same)
        verdicts[now], pairs[now] = word[now], n
    return Judged(verdicts, pairs, covered)
