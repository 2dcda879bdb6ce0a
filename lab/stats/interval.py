"""Intervals and spread of the trials of a cell, and the looks that a sequential interval allows for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from lab.errors import NotEnoughData
from lab.records import LEVEL, Interval
from lab.stats.order import bounds, depths
from lab.stats.sample import MIN_TRIALS, logs_of

MOST_PAIRS = 24
"""Most pairs of a comparison: at 3 % between trials, the fewest that both prove `same` and find 5 %."""

FIRST_LOOK = 6
"""Pairs at the first look: error spent on looks with fewer degrees of freedom gains nothing."""

SHARE_TOWARDS_ONE = 0.062
"""Share of the error that the bound facing 1 may use. A false change costs a person's morning, a false `same` one
night: 0.31 % a side keep unchanged builds called changed under 1 % at any spread (docs/adr/0019)."""

CELL_TRIALS = 5
"""Fewest trials for the interval of a cell: the least and the greatest of four hold the median in only 87.5 %."""


@dataclass(frozen=True)
class Looks:
    """The looks that an interval allows for: after each pair from `first` to `most`, at a joint `level`.

    `towards_one` is the share of the error that the bound facing 1 may use. At 0.5 the interval is symmetric
    and both bounds spend early: for a value that is not compared with anything.
    Raises ValueError for looks that make no sense.
    """

    most: int = MOST_PAIRS
    first: int = FIRST_LOOK
    level: float = LEVEL
    towards_one: float = SHARE_TOWARDS_ONE

    def __post_init__(self) -> None:
        if not MIN_TRIALS <= self.first <= self.most:
            raise ValueError(
                f"wanted a first look at {MIN_TRIALS} pairs or more and no later than the last, "
                f"found {self.first} of {self.most}"
            )
        if not (0 < self.level < 1 and 0 < self.towards_one <= 0.5):
            raise ValueError(
                f"wanted a level between 0 and 1 and a share up to 0.5, found {self.level}, {self.towards_one}"
            )


@dataclass(frozen=True)
class Spread:
    """Coefficients of variation (0.01 = 1 %) of the two levels; None where they cannot be estimated."""

    between_cv: float | None
    within_cv: float | None


def interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Return the geometric mean of ratios with Student's t interval on logarithms; skewness cancels in ratios.

    The interval printed for a cell is :func:`cell_interval`. With fewer than MIN_TRIALS values `low` and `high`
    are None. A constant sample gives low = estimate = high. Raises NotEnoughData without any value and ValueError
    for a value that is not finite and above zero: such a trial was never valid.
    """
    if not 0 < level < 1:
        raise ValueError(f"wanted a level between 0 and 1, found {level}")
    logs = logs_of(values)
    if logs.size == 0:
        raise NotEnoughData("wanted an interval, found no valid trial")
    if np.ptp(logs) == 0:
        value = float(values[0])
        bound = value if logs.size >= MIN_TRIALS else None
        return Interval(value, bound, bound, level, logs.size)
    centre = logs.mean()
    estimate = float(np.exp(centre))
    if logs.size < MIN_TRIALS:
        return Interval(estimate, None, None, level, logs.size)
    reach = stdtrit(logs.size - 1, (1 + level) / 2) * logs.std(ddof=1) / np.sqrt(logs.size)
    low, high = float(np.exp(centre - reach)), float(np.exp(centre + reach))
    return Interval(estimate, low, high, level, logs.size)


def cell_interval(medians: Sequence[float], *, looks: Looks | None) -> Interval:
    """Return the figure printed for a cell: the median of its trial medians, with its order-statistic interval.

    `looks` None: the number of trials was fixed in advance (:func:`lab.stats.order.bounds`); fewer than
    CELL_TRIALS give no interval, and at five trials the level is .9375. `looks` given: a closed loop stops by the
    width of this very interval. The interval allows for a look after every trial from `looks.first` to
    `looks.most`, so that it holds the truth as often as `looks.level` says wherever it stops
    (:func:`lab.stats.order.depths`); there is none before the first depth. Pass the trials in the order of time;
    those beyond `looks.most` are left out.

    Computed on logarithms: the middle of an even number is the geometric mean of two. The only assumption on the
    noise is that trials are exchangeable. A constant sample gives low = estimate = high. Raises NotEnoughData
    without any value and ValueError for a value that is not finite and above zero: such a trial was never valid.
    """
    logs = logs_of(medians if looks is None else medians[: looks.most])
    if logs.size == 0:
        raise NotEnoughData("wanted an interval, found no valid trial")
    level = LEVEL if looks is None else looks.level
    limits: tuple[float, float] | None = None
    if looks is None and logs.size >= CELL_TRIALS:
        found = bounds(logs, level)
        limits, level = (found.low, found.high), found.level
    elif looks is not None and logs.size >= looks.first:
        ordered, depth = np.sort(logs), depths(looks.first, looks.most, level)[logs.size - looks.first]
        limits = (float(ordered[depth - 1]), float(ordered[-depth])) if depth else None
    if np.ptp(logs) == 0:
        value = float(medians[0])
        return Interval(value, value if limits else None, value if limits else None, level, logs.size)
    estimate = float(np.exp(np.median(logs)))
    low, high = (float(np.exp(limit)) for limit in limits) if limits else (None, None)
    return Interval(estimate, low, high, level, logs.size)


def trial_cv(trial_medians: Sequence[float]) -> float | None:
    """Return the coefficient of variation of trial medians (on logs): the noise between trials.

    None with fewer than MIN_TRIALS; raises ValueError for a value that is not finite and above zero.
    """
    logs = logs_of(trial_medians)
    return _cv(float(logs.var(ddof=1))) if logs.size >= MIN_TRIALS else None


def spread(trials: Sequence[Sequence[float]]) -> Spread:
    """Split the variation of iterations (one sequence a trial) into between and within trials.

    Method-of-moments (ANOVA) estimator of the unbalanced one-way random model on logarithms, negative
    components set to zero (Searle, Casella and McCulloch, Variance Components, 1992, sec. 3.6):
    within = MSW, between = (MSB - MSW) / n0, n0 = (N - sum n_i^2 / N) / (k - 1); a variance v of logs is
    the coefficient of variation sqrt(exp(v) - 1). `within_cv` is None if no trial has two iterations; `between_cv`
    is None with fewer than MIN_TRIALS trials or without `within_cv`, because the two then cannot be separated.
    """
    logs = [logs_of(t) for t in trials if len(t)]
    sizes = np.array([t.size for t in logs], dtype=np.float64)
    total, groups = float(sizes.sum()), len(logs)
    if total <= groups:
        return Spread(None, None)
    within = sum(float(((t - t.mean()) ** 2).sum()) for t in logs) / (total - groups)
    if groups < MIN_TRIALS:
        return Spread(None, _cv(within))
    means = np.array([t.mean() for t in logs])
    grand = float((sizes * means).sum()) / total
    between = float((sizes * (means - grand) ** 2).sum()) / (groups - 1)
    per_trial = (total - float((sizes**2).sum()) / total) / (groups - 1)
    return Spread(_cv(max(0.0, (between - within) / per_trial)), _cv(within))


def _cv(log_variance: float) -> float:
    return float(np.sqrt(np.expm1(log_variance)))
