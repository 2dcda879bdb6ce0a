"""Percentiles of many values, if there are enough of them to estimate one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.stats import binom, mstats

from lab.errors import NotEnoughData
from lab.records import Interval
from lab.stats.interval import cell_interval
from lab.stats.sample import LEVEL

NOT_ESTIMABLE = "not estimable"
"""Printed in a table where :func:`quantile` returns None."""

PROOF = 0.01
"""Largest chance that at most one sample lies beyond the percentile: 99 % confidence (MLPerf LoadGen's early
stopping)."""


@lru_cache
def needed(q: float) -> int:
    """Return the fewest samples that allow a q-quantile: 11 for .5, 64 for .9, 130 for .95, 662 for .99.

    The smallest n with P(Binomial(n, tail) <= 1) <= 1 %, tail = min(q, 1 - q). Raises ValueError for a q
    outside 0 to 1.
    """
    if not 0 < q < 1:
        raise ValueError(f"wanted a quantile between 0 and 1, found {q}")
    n, tail = 2, min(q, 1 - q)
    while binom.cdf(1, n, tail) > PROOF:
        n += 1
    return n


def quantile(values: Sequence[float], q: float, level: float = LEVEL) -> Interval | None:
    """Return the q-quantile of independent values with its order-statistic interval; None if not estimable.

    Point by Harrell and Davis (Biometrika 69, 1982), interval by order statistics (Conover, Practical
    Nonparametric Statistics, 1999, sec. 3.2), because the bootstrap's covers .88 at p95 of 100. None with
    fewer than :func:`needed` values, and if the interval would have an open end. Iterations of one process are not
    independent: pass the values of one trial for that trial's figure, and use :func:`over_trials` for an interval.
    Raises ValueError for a value that is not finite.
    """
    found = np.asarray(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError("wanted finite values, found one that is not")
    if found.size < needed(q):
        return None
    if np.ptp(found) == 0:
        return Interval(float(found[0]), float(found[0]), float(found[0]), level, found.size)
    ordered, share = np.sort(found), (1 - level) / 2
    below, above = (int(binom.ppf(p, found.size, q)) for p in (share, 1 - share))
    low = below if binom.cdf(below, found.size, q) <= share else below - 1
    if low < 0 or above >= found.size:
        return None
    point = float(mstats.hdquantiles(found, prob=[q])[0])
    return Interval(point, float(ordered[low]), float(ordered[above]), level, found.size)


def over_trials(trials: Sequence[Sequence[float]], q: float) -> Interval | None:
    """Return the q-quantile of iterations: the median of each trial's own, with its order-statistic interval.

    Trials with fewer values than :func:`needed` are left out; None if none is left. With fewer than five trials
    there is only the estimate. Raises ValueError for a value that is not finite and above zero.
    """
    own = [found.estimate for found in (quantile(trial, q) for trial in trials) if found]
    try:
        return cell_interval(own, looks=None)
    except NotEnoughData:
        return None
