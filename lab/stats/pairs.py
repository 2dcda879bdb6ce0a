"""Pairs of trials: their ratios, their cost, and the tests for a number of pairs fixed in advance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import stdtr

from lab.records import Trial
from lab.stats.compare import paired
from lab.stats.sample import MIN_TRIALS, Better, Medians, logs_of
from lab.stats.sequential import P_VALUES


def ratios_by_block(candidate: Medians, baseline: Medians) -> dict[int, float]:
    """Return block -> candidate / baseline for every block that has both."""
    return dict(zip(sorted(candidate.keys() & baseline.keys()), paired(candidate, baseline), strict=True))


def cost_s(trials: Iterable[Trial]) -> float:
    """Return the device-seconds that trials took, including invalid ones and waiting at the gate."""
    return sum(trial.wall_s + trial.notes.get("gate_waited_s", 0.0) for trial in trials)


def p_once(ratios: Sequence[float]) -> float:
    """Return the two-sided p of "nothing changed" for pairs whose number was fixed before they were measured.

    Student's t on logarithms; 1 with fewer than MIN_TRIALS pairs. Constant ratios give 1 if they are 1, else the
    smallest p, as in `sequential.p_value`. Raises ValueError for a ratio that is not finite and above zero.
    """
    logs = logs_of(ratios)
    if logs.size < MIN_TRIALS:
        return 1.0
    if np.ptp(logs) == 0:
        return 1.0 if logs[0] == 0 else P_VALUES[-1]
    statistic = abs(float(logs.mean())) * math.sqrt(logs.size) / float(logs.std(ddof=1))
    return 2 * float(stdtr(logs.size - 1, -statistic))


def chance_worse(ratios: Sequence[float], better: Better) -> float | None:
    """Return the probability that the candidate is worse in a new pair; None with fewer than MIN_TRIALS pairs.

    Predictive distribution of one more normal value of unknown mean and variance: Student's t with n - 1 degrees
    of freedom, scaled by s sqrt(1 + 1 / n) (Geisser, Predictive Inference, 1993, sec. 2.2). Constant ratios
    give 0 or 1, and 0.5 if they are 1. Raises ValueError as :func:`p_once` does.
    """
    logs = logs_of(ratios)
    if logs.size < MIN_TRIALS:
        return None
    centre = float(logs.mean()) * (1 if better == "lower" else -1)
    if np.ptp(logs) == 0:
        return 0.5 if logs[0] == 0 else float(centre > 0)
    scale = float(logs.std(ddof=1)) * math.sqrt(1 + 1 / logs.size)
    return float(stdtr(logs.size - 1, centre / scale))
