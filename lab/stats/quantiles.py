"""Percentiles of many values, if there are enough of them to estimate one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.special import bdtr, bdtrc

from lab.errors import NotEnoughData
from lab.records import Interval
from lab.stats.interval import cell_interval
from lab.stats.sample import Floats, logs_of, trial_median

NOT_ESTIMABLE = "not estimable"
"""Printed in a table where :func:`over_trials` returns None."""

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
    while bdtr(1, n, tail) > PROOF:
        n += 1
    return n


def neighbours(values: Sequence[float], q: float) -> tuple[float, float, float] | None:
    """Return the order statistics of one trial on either side of its q-quantile, and the share of the upper one.

    None with fewer than :func:`needed` values. The k-th least of n values lies at or below the true quantile with
    probability P(Binomial(n, q) >= k). Taking the upper one in that share of trials makes it as often above the
    true quantile as below, whatever the distribution. A value between the two would not: where a second mode
    begins near the quantile, it lies in the gap. Nor would a weighted mean of all (Harrell and Davis),
    which spikes pull (docs/verdicts.md). Raises ValueError for a value that is not finite and above zero.
    """
    ordered = np.sort(np.exp(logs_of(values)))
    if ordered.size < needed(q):
        return None
    below = _at_or_below(ordered.size, q)
    inner = int((below >= 0.5).sum())
    share = float((below[inner - 1] - 0.5) / (below[inner - 1] - below[inner]))
    return float(ordered[inner - 1]), float(ordered[inner]), share


@lru_cache
def _at_or_below(n: int, q: float) -> Floats:
    """Return for k = 1, 2, ... n the chance that the k-th least of n values is at or below the q-quantile."""
    return np.asarray(bdtrc(np.arange(n), n, q), dtype=np.float64)


def over_trials(trials: Sequence[Sequence[float]], q: float) -> Interval | None:
    """Return the q-quantile of iterations: the median of the trials' own, with its order-statistic interval.

    A trial's own is one of its :func:`neighbours`, the upper one in turn; at .5 it is the trial's median.

    Iterations of one process are not independent, so there is no interval within a trial. Trials with fewer values
    than :func:`needed` are left out; None if none is left. With fewer than five trials there is only the estimate.
    Raises ValueError for a value that is not finite and above zero.
    """
    own, due = [], 0.5
    for trial in trials:
        found = neighbours(trial, q)
        if found is None:
            continue
        lower, upper, share = found
        due += share
        own.append(trial_median(trial) if q == 0.5 else upper if due >= 1 else lower)
        due -= due >= 1
    try:
        return cell_interval(own, looks=None)
    except NotEnoughData:
        return None
