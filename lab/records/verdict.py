"""Two runs compared: intervals, verdicts, comparisons, and the lab's check of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lab.records.run import Context, Inject


@dataclass(frozen=True)
class Interval:
    """An estimate with a two-sided interval; `low` and `high` are None if it has none."""

    estimate: float
    low: float | None
    high: float | None
    level: float
    n: int


Verdict = Literal["regressed", "improved", "slower", "faster", "same", "cannot tell", "incomparable"]
Dimension = Literal["build", "runtime", "parameter", "device"]

WORSE: tuple[Verdict, ...] = ("regressed", "slower")
CHANGED: tuple[Verdict, ...] = (*WORSE, "improved", "faster")
"""Verdicts of a change: for the worse, and in either direction."""


@dataclass(frozen=True)
class Lost:
    """Of one side of a cell: the trials measured, and how many did not count, by reason."""

    trials: int
    reasons: Mapping[str, int]

    @property
    def lost(self) -> int:
        """The trials that do not count."""
        return sum(self.reasons.values())


@dataclass(frozen=True)
class Missing:
    """The sides lost different shares of their trials: more than chance, at `p` (Fisher's exact test)."""

    baseline: Lost
    candidate: Lost
    p: float


@dataclass(frozen=True)
class CellVerdict:
    """The verdict of a comparison on one cell, named `cell` on the baseline's side.

    `change` is candidate / baseline; `smallest_found` is the smallest change, as a share, that nine of ten
    comparisons find at the spread of its pairs; `p` is approximately valid wherever the looks stopped; `why` gives
    the reason to stop, in words. `missing` is set where the sides lost different shares of their trials, and has
    changed the verdict if it could. `serial_p` is the p of "neighbouring pairs are no more alike than others".
    """

    cell: str
    verdict: Verdict
    change: Interval | None
    smallest_found: float | None
    p: float
    pairs: int
    why: str
    missing: Missing | None = None
    serial_p: float = 1.0


@dataclass(frozen=True)
class Comparison:
    """Two runs measured in turn, pair by pair, that differ in one dimension; block n of each is pair n.

    `differs` holds context facts that differ beyond the dimension (fact -> baseline's, candidate's): if there are
    any, nothing was compared. `looks_most` and `looks_first` are the last and first look, fixed in advance.
    `failure` is the error that ended a comparison with the status `failed`, or `interrupted` by its device;
    `night` is the id of the night that made it.
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
    failure: str = ""
    night: str | None = None


@dataclass(frozen=True)
class LiveCheck:
    """A comparison of a build with itself, measured by a self-check.

    `slow_down` is the factor injected into the candidate: 1 for none (A/A). `trials` counts the valid trials,
    `spent_s` is its wall-clock seconds. `pair_s` is what a pair took without waiting (median); None where no trial
    was measured, and in records of older labs. `spoilt` counts the trials that other programs starved, or that
    began while these kept the cores busy.
    """

    comparison: str
    slow_down: float
    found: CellVerdict
    trials: int
    spent_s: float
    pair_s: float | None = None
    spoilt: int = 0


@dataclass(frozen=True)
class ResampledRates:
    """Verdicts on `n` comparisons drawn from A/A pairs, with one side made `slow_down` times slower.

    `found` counts changes reported in the right direction, `wrong` those in the other one (in any, if nothing was
    scaled), `same` and `undecided` (cannot tell) the rest. `pairs` is the mean number of pairs to a verdict.
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
    """Error rates of the lab's verdicts on one device: measured live, and resampled from its own A/A pairs.

    `wanted` and `wanted_injected` are the numbers of A/A comparisons and of those with an injected slow-down
    (`inject`) that were requested, `live` those that were measured, in order. `ratios` are all valid A/A pairs
    (candidate / baseline) in the order of time, drawn in blocks of `block_pairs` neighbours; `firsts` says of each
    whether the candidate was measured first (empty in records of older labs). `smallest_found` is
    the slow-down that 95 % of the drawn comparisons find, as a share; `between_cv` is the coefficient of variation
    between trials of one side, without the variation that the sides of a pair share. `missing` lists, in words,
    the rates that could not be shown, and why.
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
    firsts: tuple[bool, ...] = ()
    block_pairs: int = 0
    resampled: tuple[ResampledRates, ...] = ()
    smallest_found: float | None = None
    between_cv: float | None = None
    missing: tuple[str, ...] = ()
