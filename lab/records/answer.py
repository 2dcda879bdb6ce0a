"""A run's answer: cells with their intervals, curves, and published figures beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from device_agents.reasons import InvalidReason
from lab.records.run import Cell, Metric, Parameter, Run
from lab.records.verdict import Interval


@dataclass(frozen=True)
class CellSummary:
    """One row of an answer's table.

    `trial_cv` is the coefficient of variation of trial medians, which the interval's width comes from.
    `between_cv` and `within_cv` are the coefficients of variation of trials and of iterations inside a
    trial, as variance components (`lab.stats.summary.spread`); None where they cannot be estimated.
    `unsteady` trials never settled: a state of their own, neither valid here nor invalid.
    """

    cell: Cell
    interval: Interval | None
    valid: int
    invalid: Mapping[InvalidReason, int]
    trial_cv: float | None
    between_cv: float | None
    within_cv: float | None
    probability_best: float | None
    may_be_best: bool
    unsteady: int = 0


@dataclass(frozen=True)
class Window:
    """A stretch of a sustained trial: when it began (seconds from the first iteration), its rate, its skin."""

    start_s: float
    rate: float
    iterations: int
    celsius: float | None


@dataclass(frozen=True)
class Sustained:
    """How a trial that goes on and on holds its rate, window by window of `window_s` seconds.

    `peak` is the best window's rate and begins at `peak_at_s`, `lasting` the rate of the last quarter, `ratio`
    lasting / peak; `loss_at_s` is when the rate fell a tenth below the peak, None where it did not. All are
    None where `why` says, in words, why they cannot be told.
    """

    trial: int
    cell: str
    unit: str
    window_s: float
    windows: tuple[Window, ...]
    peak: float | None
    peak_at_s: float | None
    lasting: float | None
    ratio: float | None
    loss_at_s: float | None
    why: str


@dataclass(frozen=True)
class Published:
    """A figure from the literature: printed beside ours, never compared by a verdict.

    `kind` is that of the source: `published` by the authors, `derived` from their figures by arithmetic,
    or `third_party`.
    """

    scenario: str
    metric: str
    parameters: Mapping[str, Parameter]
    value: float
    kind: Literal["published", "derived", "third_party"]
    source: str
    note: str


@dataclass(frozen=True)
class Answer:
    """What a run says to its scenario's question; `curves` are the answer where a scenario lasts on purpose."""

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
