"""Intervals of a median by order statistics, for few values of any distribution.

A value lies below the true median with probability 1/2, so the number of n values that do is Binomial(n, 1/2)
(the sign test). Nothing else is assumed: neither symmetry nor a single mode, which trials on a phone often lack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import bdtr

from lab.stats.sample import Floats

_POWER = 0.5
"""Error spent by trial n of N is proportional to (n / N) ** power, as for the bounds of `lab.stats.sequential`
that face away from 1. At .25, .5 and 1 a cell of 3 % reaches 3 % after 13.2, 12.8 and 13.5 trials (simulated)."""

_TIED = 1e-9
"""Logarithms closer than this are the same clock tick: 1 ns in 1 s."""


@dataclass(frozen=True)
class Bounds:
    """Two values that hold the true median between them with probability `level`."""

    low: float
    high: float
    level: float


def bounds(values: Floats, level: float) -> Bounds:
    """Return the interval of a median for a single look, at a level as close to `level` as possible.

    `values` are logarithms. The limits lie between two neighbouring pairs of order statistics, by the
    interpolation of Hettmansperger and Sheather (Statistics and Probability Letters 4, 1986), whose coverage
    hardly depends on the distribution: .935 to .954 at .95 in docs/verdicts.md. If values are tied (a coarse
    clock), a limit between two ticks would miss the tick beside it, so the wider pair is returned. Five values or
    fewer cannot reach .95: the interval is from the least to the greatest, and its `level` says how often it holds
    the median. Raises ValueError without a value.
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
    """Return the depth of the outer pair, its level, and the share of the way to the inner pair to go."""
    outside = 2 * bdtr(np.arange((n + 1) // 2), n, 0.5)
    depth = max(1, int((outside <= 1 - level).sum()))
    held = 1 - float(outside[depth - 1])
    if held < level or depth == outside.size:
        return depth, held, 0.0
    beyond = (held - level) / (float(outside[depth]) - float(outside[depth - 1]))
    return depth, held, (n - depth) * beyond / (depth + (n - 2 * depth) * beyond)


@lru_cache(maxsize=64)
def depths(first: int, most: int, level: float) -> tuple[int, ...]:
    """Return the depth of the bounds at each look, with a look after every value from `first` to `most`.

    Element n - first: the median lies between the depth-th least and the depth-th greatest of n values at all
    looks together with probability `level` at least; 0 where the error spent so far allows no bound. Exact for any
    distribution: the number of values below the median is a random walk, and its paths across the limits are
    counted. Each deeper limit is used as soon as the error spent by then allows it.
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
    """Return the chance of walks, not ended before, with fewer than `depth` values on one side."""
    return float(paths[:depth].sum() + paths[paths.size - depth :].sum())
