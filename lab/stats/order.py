"""Order statistics: how far a median can be from that of few values, whatever their distribution.

A value lies under the true median with probability 1/2, so how many of n do is Binomial(n, 1/2) (the sign
test). Nothing else is assumed: neither symmetry nor one mode, which trials of a phone do not grant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

Floats = npt.NDArray[np.float64]

_POWER = 0.5
"""Error spent by trial n of N is in proportion to (n / N) ** power: that of lab.stats.sequential's bounds that
face away from 1. At .25, .5 and 1 a cell of 3 % reaches 3 % after 13.2, 12.8 and 13.5 trials (simulated)."""


_TIED = 1e-9
"""Logarithms nearer than this are one tick of a clock: 1 ns in 1 s."""


@dataclass(frozen=True)
class Bounds:
    """Two values that hold the true median between them with probability `level`."""

    low: float
    high: float
    level: float


def bounds(values: Floats, level: float) -> Bounds:
    """Return the interval of a median from logarithms that were looked at once, as near to `level` as can be.

    Between two neighbouring pairs of order statistics by the interpolation of Hettmansperger and Sheather
    (Statistics and Probability Letters 4, 1986), whose coverage hardly depends on the distribution: .935 to .954
    at .95 in docs/verdicts.md. Where values are tied (a coarse clock) a limit between two ticks would miss the
    one it lies beside: then the wider pair stands. Five values or fewer reach less than .95: least and greatest,
    and `level` says what they hold. Raises ValueError without a value.
    """
    if not values.size:
        raise ValueError("wanted the bounds of a median, found no value")
    ordered, n = np.sort(values), values.size
    depth, held, inwards = _place(n, level)
    outer = float(ordered[depth - 1]), float(ordered[n - depth])
    if held < level or (n > 1 and float(np.diff(ordered).min()) < _TIED):
        return Bounds(*outer, min(held, level))
    inner = float(ordered[depth]), float(ordered[n - depth - 1])
    low, high = ((1 - inwards) * out + inwards * ins for out, ins in zip(outer, inner, strict=True))
    return Bounds(low, high, level)


@lru_cache(maxsize=512)
def _place(n: int, level: float) -> tuple[int, float, float]:
    """Return the depth of the outer pair, what it holds, and which share of the way to the inner one to go."""
    outside = 2 * binom.cdf(np.arange((n + 1) // 2), n, 0.5)
    depth = max(1, int((outside <= 1 - level).sum()))
    held = 1 - float(outside[depth - 1])
    if held < level or depth == outside.size:
        return depth, held, 0.0
    beyond = (held - level) / (float(outside[depth]) - float(outside[depth - 1]))
    return depth, held, (n - depth) * beyond / (depth + (n - 2 * depth) * beyond)


@lru_cache(maxsize=64)
def depths(first: int, most: int, level: float) -> tuple[int, ...]:
    """Return the depth of the bounds at each look, for values looked at after every one from `first` to `most`.

    Element n - first: the median lies between the depth-th least and the depth-th greatest of n values at all
    looks together with probability `level` at least; 0 where no bound can be paid for yet. Exact and free of
    any distribution: how many values lie under the median is a random walk, whose ways across the limits are
    counted; each deeper limit is taken as soon as the error spent by then pays for it.
    """
    paths = np.ones(1)
    found, depth, spent = [], 0, 0.0
    for n in range(1, most + 1):
        paths = (np.append(paths, 0.0) + np.append(0.0, paths)) / 2
        if n < first:
            continue
        while 2 * (depth + 1) <= n and spent + _outside(paths, depth + 1) <= (1 - level) * (n / most) ** _POWER:
            depth += 1
            spent += _outside(paths, depth)
            paths[:depth] = paths[n + 1 - depth :] = 0.0
        found.append(depth)
    return tuple(found)


def _outside(paths: Floats, depth: int) -> float:
    """Return the chance of walks, not ended before, that have fewer than `depth` values on one side."""
    return float(paths[:depth].sum() + paths[paths.size - depth :].sum())
