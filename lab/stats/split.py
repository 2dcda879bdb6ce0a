"""Where a series most likely splits into two levels, from its ranks alone.

The statistic is the likelihood ratio of "one distribution" against "another one from here on", averaged over
19 quantiles (Zou, Yin, Feng and Wang, Annals of Statistics 42, 2014): it needs no shape of the noise, and no unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from lab.stats.sample import Floats

SHORTEST = 4
"""Fewest nights on a level: three equal outliers in a row are no level (a judgement)."""

LEVELS = np.arange(1, 20)
"""The quantiles, in twentieths: .05 to .95."""

WEIGHTS = 1 / (LEVELS * (20 - LEVELS))
WEIGHTS = WEIGHTS / WEIGHTS.sum()
"""Their weights, as 1 / (p (1 - p)): a level a few nights long shows in the outer quantiles only (Zou et al.)."""

SHARPNESS = 1.0
"""Weight of the averaged ratio as a log-likelihood of the place; its quantiles are correlated, so the exact weight
is unknown. From .5 to 1.5 the development series are placed equally well."""

LIMITS = {
    **{9: 3.12, 10: 3.60, 12: 4.47, 15: 5.15, 20: 5.6, 30: 6.25, 45: 6.65, 60: 6.95, 90: 7.2, 120: 7.3},
    **{180: 7.5, 270: 7.7, 365: 7.8, 730: 8.0},
}
"""Nights -> value that the largest statistic of independent noise exceeds in 1 of 500 series: simulated by
`python -m benchmarks change_limits`, and smoothed. Under 13 nights no split exceeds its limit."""


@dataclass(frozen=True)
class Split:
    """A split: the first night after it, the statistic at the best place, and its limit for this many nights."""

    night: int
    statistic: float
    limit: float


def split(values: Floats) -> Split | None:
    """Return the most likely split of values in time order; None with fewer than 9 of them.

    The night is the median of the places, weighted by their likelihood, so that a flat top yields its middle.
    """
    count = values.size
    if count < 2 * SHORTEST + 1:
        return None
    ratios = statistics(values)
    weights = np.cumsum(np.exp(SHARPNESS * (ratios - ratios.max())))
    place = int(np.searchsorted(weights, weights[-1] * (0.5 - 1e-9)))
    return Split(SHORTEST + place, float(ratios.max()), limit(count))


def limit(nights: int) -> float:
    """Return the limit of the statistic for so many nights, between the tabulated ones in log nights."""
    return float(np.interp(np.log(nights), np.log(list(LIMITS)), list(LIMITS.values())))


def statistics(values: Floats) -> Floats:
    """Return the statistic of a split before each night from SHORTEST to the last possible one."""
    count = values.size
    below, bounds = 20 * rankdata(values)[:, None], LEVELS * count + 10
    low = np.cumsum((below < bounds) + 0.5 * (below == bounds), axis=0)
    before = np.arange(SHORTEST, count - SHORTEST + 1)[:, None]
    first = low[SHORTEST - 1 : count - SHORTEST]
    gain = _entropy(first, before) + _entropy(low[-1] - first, count - before) - _entropy(low[-1], np.array(count))
    return np.asarray(2 * gain @ WEIGHTS, dtype=np.float64)


def _entropy(low: Floats, count: np.ndarray) -> Floats:
    """Return the log-likelihood of `low` of `count` values below a quantile, at the best probability."""
    share = np.clip(low / count, 1e-12, 1 - 1e-12)
    return np.asarray(low * np.log(share) + (count - low) * np.log1p(-share), dtype=np.float64)
