"""Two runs against each other: intervals, verdicts, comparisons, and the lab's check of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lab.records.run import Context, Inject


@dataclass(frozen=True)
class Interval:
    """An estimate with a two-sided interval; `low` and `high` are None where none may be printed."""

    estimate: float
    low: float | None
    high: float | None
    level: float
    n: int


Verdict = Literal["regressed", "improved", "slower", "faster", "same", "cannot tell", "incomparable"]


Dimension = Literal["build", "runtime", "parameter", "device"]


WORSE: tuple[Verdict, ...] = ("regressed", "slower")


CHANGED: tuple[Verdict, ...] = (*WORSE, "improved", "faster")
"""Verdicts that say that something changed."""


@dataclass(frozen=True)
class CellVerdict:
    """What a comparison says of one cell, named `cell` on the baseline's side.

    `change` is candidate / baseline; `smallest_visible` the change its pairs could just have shown, as a share;
    `p` is about valid wherever the looks stopped; `why` says in words why it stopped there.
    """

    cell: str
    verdict: Verdict
    change: Interval | None
    smallest_visible: float | None
    p: float
    pairs: int
    why: str


@dataclass(frozen=True)
class Comparison:
    """Two runs measured in turn, pair by pair, that differ in one dimension; block n of each is pair n.

    `differs` holds context facts that differ beyond the dimension (fact -> baseline's, candidate's): if there are
    any, nothing was compared. `looks_most` and `looks_first` are the looks that were paid for before the first.
    """

    id: str
    dimension: Dimension
    scenario: str
    metric: str
    device: str
    baseline_run: str
    candidate_run: str
    started_utc: str
    ended_utc: str | None
    status: Literal["running", "finished", "interrupted", "failed"]
    seed: int
    looks_most: int
    looks_first: int
    budget_s: float
    differs: Mapping[str, tuple[str, str]]
    cells: tuple[CellVerdict, ...] = ()


@dataclass(frozen=True)
class LiveCheck:
    """One comparison of a build with itself that a self-check measured.

    `slow_down` is what was injected into the candidate: 1 for none (A/A). `trials` counts its valid ones,
    `spent_s` its wall-clock seconds.
    """

    comparison: str
    slow_down: float
    found: CellVerdict
    trials: int
    spent_s: float


@dataclass(frozen=True)
class ResampledRates:
    """Verdicts on `n` comparisons drawn from A/A pairs, one side of them made `slow_down` times slower.

    `found` are those that called a change in the right direction, `wrong` those in the other one (in any, where
    nothing was scaled), `same` and `undecided` (cannot tell) the rest. `pairs` is the mean taken to a verdict.
    """

    slow_down: float
    n: int
    found: int
    wrong: int
    same: int
    undecided: int
    pairs: float


@dataclass(frozen=True)
class SelfCheck:
    """What the lab's verdicts on one device are worth: measured live, and resampled from its own A/A pairs.

    `wanted` and `wanted_injected` are the A/A comparisons and those with an injected slow-down (`inject`) that
    were asked for, `live` those that were measured, in their order. `ratios` are all valid A/A pairs (candidate /
    baseline) in the order of time, of which `block_pairs` neighbours at a time were drawn. `smallest_found` is
    the slow-down that 95 % of the comparisons drawn find, as a share; `between_cv` the
    coefficient of variation between trials of one side, without what a pair shares. `missing` says in words which
    rates could not be shown, and why.
    """

    id: str
    device: str
    context: Context
    scenario: str
    metric: str
    build: str
    build_line: str
    started_utc: str
    ended_utc: str | None
    status: Literal["running", "finished", "interrupted", "failed"]
    seed: int
    budget_s: float
    spent_s: float
    wanted: int
    wanted_injected: int
    inject: Inject
    looks_most: int
    looks_first: int
    live: tuple[LiveCheck, ...] = ()
    aa_trials: int = 0
    ratios: tuple[float, ...] = ()
    block_pairs: int = 0
    resampled: tuple[ResampledRates, ...] = ()
    smallest_found: float | None = None
    between_cv: float | None = None
    missing: tuple[str, ...] = ()
