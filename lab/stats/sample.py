"""The samples of trials that count, and their medians."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from device_agents.reasons import InvalidReason
from lab.errors import NotEnoughData
from lab.records import BUSY, Trial, purpose_of

Floats = npt.NDArray[np.float64]
Better = Literal["lower", "higher"]
Medians = Mapping[int, float]
"""Block -> trial median of one cell. Runs are paired by block; a block holds a cell at most once."""

MIN_TRIALS = 4
"""No interval and no judgement under this many trials (or pairs): firecracker-microvm/firecracker PR 6047
asks for at least 4 pairs before it believes an A/B test."""


def usable(values: Iterable[float]) -> bool:
    """Return whether every value is finite and above zero, as times and rates of completed work are."""
    found = np.fromiter(values, dtype=np.float64)
    return bool((np.isfinite(found) & (found > 0)).all())


def logs_of(values: Iterable[float]) -> Floats:
    """Return natural logarithms; raises ValueError for a value that is not finite and above zero."""
    found = np.asarray(list(values), dtype=np.float64)
    if not usable(found):
        raise ValueError(f"wanted finite values above zero, found {found.tolist()}")
    return np.log(found)


def trial_median(iterations: Sequence[float]) -> float:
    """Return the median of a trial's measured iterations, the statistic that stands for the trial.

    Of an even number it is the geometric mean of the middle two, so that a time and its rate have one median.
    Raises NotEnoughData without any iteration, ValueError for one that is not finite and above zero.
    """
    if not iterations:
        raise NotEnoughData("wanted the median of a trial, found no measured iteration")
    ordered = np.sort(np.asarray(iterations, dtype=np.float64))
    logs_of((ordered[0], ordered[-1]))
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return low if low == high else math.sqrt(low * high)


def counted(trial: Trial, metric: str) -> tuple[float, ...]:
    """Return the samples of a trial that count; none unless it is valid and settled, and all are usable.

    Those of time count in a trial that was timed, those of memory in a memory pass.
    """
    if not trial.valid or trial.purpose != purpose_of(metric) or trial.state == "unsteady":
        return ()
    found = trial.samples.get(metric, ())[trial.first_steady :]
    return found if usable(found) else ()


def spoilt(trial: Trial) -> bool:
    """Return whether other programs took the cores that a trial needed, or kept them busy as it began."""
    return BUSY in trial.flags or trial.reason is InvalidReason.STARVED


def undisturbed(trial: Trial, metric: str) -> tuple[float, ...]:
    """Return the samples of a trial that counts and was not spoilt: of these alone a device is accepted."""
    return () if spoilt(trial) else counted(trial, metric)


def value_of(trial: Trial, metric: str) -> float | None:
    """Return the one value of a trial, for figures, charts and explanations alike; None without any.

    The median of the samples that count. A trial that does not count has one too, to be drawn as such: of all its
    measured iterations.
    """
    found = counted(trial, metric) or trial.samples.get(metric, ())
    return trial_median(found) if found and usable(found) else None


def medians_by_block(trials: Iterable[Trial], cell: str, metric: str) -> Medians:
    """Return block -> trial median of a cell, from the samples that count (:func:`counted`).

    If a block holds the cell twice (a trial repeated after an interruption), the last one counts.
    """
    return {t.block: trial_median(kept) for t in trials if t.cell == cell and (kept := counted(t, metric))}
