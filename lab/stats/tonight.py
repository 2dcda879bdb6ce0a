"""Tonight's value against the last nights: a screen, not an alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as students_t

from lab.stats.sample import Floats, logs_of, trial_median

NIGHTS = 30
"""Most nights to compare with: older ones say less about tonight's device (a judgement)."""

FEWEST_NIGHTS = 5
"""Fewest nights to compare with: four leave a limit of over three standard deviations (a judgement)."""

OUTLYING = 6.0
"""Robust standard deviations from the median beyond which a night counts as no further away: one bad night would
hide regressions for a month. Chosen on the development series: with 4, .12 of those with two modes pass."""

ROBUST = 1.4826
"""Median absolute deviation to standard deviation, of normal values."""

NO_SPREAD = 1e-6
"""Least limit in logs, where all nights are equal."""


@dataclass(frozen=True)
class Unusual:
    """Tonight against the last nights: `ratio` is tonight's median over their level.

    `score` is its distance in units of the screen's limit; at 1 or more, measure again.
    """

    ratio: float
    score: float


def tonight(trials: Sequence[float], nights: Sequence[float], *, share: float = 0.05) -> Unusual | None:
    """Return how unusual the median of tonight's trial medians is among the last 30 nights, oldest first.

    The limit is the prediction interval of one more night, from the spread of the nights in logs: about `share` of
    the nights on which nothing changed pass it, either way. Neighbouring nights that agree (lag-1 autocorrelation)
    count as fewer nights. None without trials or with fewer than five nights; NaN is a night without a value.
    Raises ValueError for a value that is not above zero or infinite.
    """
    logs = logs_of(night for night in nights if not math.isnan(night))[-NIGHTS:]
    if len(trials) == 0 or logs.size < FEWEST_NIGHTS:
        return None
    logs = _without_outliers(logs)
    count, level = logs.size, float(logs.mean())
    distance = math.log(trial_median(trials)) - level
    rest = logs - level
    squares = float(rest @ rest)
    alike = max(float(rest[1:] @ rest[:-1]) / squares, 0.0) if squares else 0.0
    shared = min((1 + alike) / (1 - alike), count / 3)
    variance = squares / (count - shared) * (1 + shared / count)
    limit = float(students_t.ppf(1 - share / 2, count - 1)) * math.sqrt(variance)
    return Unusual(math.exp(distance), abs(distance) / max(limit, NO_SPREAD))


def _without_outliers(logs: Floats) -> Floats:
    """Return the logs with those far from the median moved to OUTLYING robust standard deviations from it."""
    middle = float(np.median(logs))
    spread = ROBUST * float(np.median(np.abs(logs - middle)))
    return np.clip(logs, middle - OUTLYING * spread, middle + OUTLYING * spread) if spread else logs
