"""From trials to numbers: which samples count, and the median of each trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from lab.errors import NotEnoughData
from lab.records import Trial

if TYPE_CHECKING:
    pass

Floats = npt.NDArray[np.float64]


Better = Literal["lower", "higher"]


Medians = Mapping[int, float]
"""Block -> trial median of one cell: what the run's design pairs by. A block holds a cell at most once."""


MIN_TRIALS = 4
"""No interval and no judgement under this many trials (or pairs): firecracker-microvm/firecracker PR 6047
asks for at least 4 pairs before it believes an A/B test."""


LEVEL = 0.95


def usable(values: Iterable[float]) -> bool:
    """Tell whether every value is a finite positive number, as times and rates of work that was done are."""
    return all(np.isfinite(v) and v > 0 for v in values)


def logs_of(values: Iterable[float]) -> Floats:
    """Return natural logarithms, of values that are usable."""
    found = np.asarray(list(values), dtype=np.float64)
    if not usable(found):
        raise ValueError(f"wanted finite values above zero, found {found.tolist()}")
    return np.log(found)


def trial_median(iterations: Sequence[float]) -> float:
    """Return the statistic of a trial: the median of its measured iterations.

    Raises NotEnoughData without any iteration.
    """
    if not iterations:
        raise NotEnoughData("wanted the median of a trial, found no measured iteration")
    return float(np.median(np.asarray(iterations, dtype=np.float64)))


def counted(trial: Trial, metric: str) -> tuple[float, ...]:
    """Return the samples of a trial that count: empty unless it is valid, timed, settled, and they are usable."""
    if not trial.valid or trial.purpose != "time" or trial.state == "unsteady":
        return ()
    found = trial.samples.get(metric, ())[trial.first_steady :]
    return found if usable(found) else ()


def medians_by_block(trials: Iterable[Trial], cell: str, metric: str) -> Medians:
    """Return block -> trial median of a cell, from the samples that count (:func:`counted`).

    If a block holds the cell twice (a trial measured again after a cut), the last one counts.
    """
    return {t.block: trial_median(kept) for t in trials if t.cell == cell and (kept := counted(t, metric))}
