"""A run's answer: cells with their intervals, curves, and published figures beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_agents.reasons import InvalidReason
from lab.records.accuracy import CellAccuracy
from lab.records.literature import Published
from lab.records.run import Cell, Metric, Run
from lab.records.verdict import Interval


@dataclass(frozen=True)
class CellSummary:
    """One row of an answer's table.

    `trial_cv` is the coefficient of variation of trial medians, which determines the interval's width.
    `between_cv` and `within_cv` are the coefficients of variation of trials and of iterations inside a
    trial, as variance components (`lab.stats.interval.spread`); None if they cannot be estimated.
    `unsteady` counts trials that never settled; they are in neither `valid` nor `invalid`. `against_best` is the
    ratio of its figure to the leader's (`Answer.leader`), with intervals that hold together at their level over
    all cells; None of the leader itself, of cells with too few trials and where no cell leads.
    """

    cell: Cell
    interval: Interval | None
    valid: int
    invalid: Mapping[InvalidReason, int]
    trial_cv: float | None
    between_cv: float | None
    within_cv: float | None
    may_be_best: bool
    unsteady: int = 0
    against_best: Interval | None = None


@dataclass(frozen=True)
class Window:
    """A stretch of a sustained trial: its start (seconds from the first iteration), rate and skin temperature."""

    start_s: float
    rate: float
    iterations: int
    celsius: float | None


LEVEL = 0.95
"""Level of every interval and judgement unless a caller asks for another. Policy, the usual one."""

LOSS = 0.10
"""Share of the peak rate whose loss is timed."""

PLANNED_S = 1200.0
"""Twenty minutes, after which phones' temperatures were seen to settle; a shorter curve is reported as short."""


@dataclass(frozen=True)
class Sustained:
    """The rate of a long trial over time, in windows of `window_s` seconds.

    `peak` is the rate of the best three windows in a row before the last quarter (fewer of a short trial),
    which begin at `peak_at_s`; `lasting` is the rate of the last quarter, `ratio` lasting / peak and its interval.
    If that lies below 1, a loss was seen; `loss_at_s` is then the time when the rate fell a tenth below the peak,
    None if it did not.
    If they cannot be determined, all are None and `why` gives the reason.
    """

    trial: int
    cell: str
    unit: str
    window_s: float
    windows: tuple[Window, ...]
    peak: float | None
    peak_at_s: float | None
    lasting: float | None
    ratio: Interval | None
    loss_at_s: float | None
    why: str


@dataclass(frozen=True)
class Answer:
    """A run's answer to its scenario's question; `curves` are the answer if trials last on purpose, `accuracy` if
    they answer questions.

    `contenders` are the cells that this run cannot separate from the best; `best` is the one among them if it is
    alone, and None where several are tied. `leader` is the one with the best estimate.
    """

    run: Run
    question: str
    metric: Metric
    summaries: tuple[CellSummary, ...]
    best: str | None
    contenders: tuple[str, ...]
    sentence: str
    published: tuple[Published, ...]
    other_metrics: Mapping[str, tuple[Metric, Mapping[str, Interval]]]
    warnings: tuple[str, ...]
    curves: tuple[Sustained, ...] = ()
    accuracy: tuple[CellAccuracy, ...] = ()
    leader: str | None = None
