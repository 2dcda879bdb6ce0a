"""The nouns of the lab, frozen: what scenario, runner, store, stats and report hand each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from device_agents.contract import InvalidReason

Parameter = str | int | float | bool
DeviceKind = Literal["host", "virtual", "emulated", "phone"]


@dataclass(frozen=True)
class Metric:
    """One figure of a trial: its name carries the unit, `better` its direction."""

    name: str
    label: str
    unit: str
    better: Literal["lower", "higher"]


@dataclass(frozen=True)
class Cell:
    """One point of a sweep. `key` is its stable name, e.g. ``patches_per_batch=4``; `label` what people read."""

    key: str
    parameters: Mapping[str, Parameter]
    label: str = ""


@dataclass(frozen=True)
class DeviceIdentity:
    """What a device is. `fingerprint` changes when software on it does."""

    name: str
    kind: DeviceKind
    model: str
    fingerprint: str
    cores: tuple[int, ...]


@dataclass(frozen=True)
class Context:
    """Everything that must agree before two runs may be compared; a flat mapping of words."""

    facts: Mapping[str, str]

    def differs_from(self, other: Context) -> dict[str, tuple[str, str]]:
        """Return fact -> (ours, theirs) for each that differs; a missing one reads ``(none)``."""
        names = sorted({*self.facts, *other.facts})
        pairs = {n: (self.facts.get(n, "(none)"), other.facts.get(n, "(none)")) for n in names}
        return {n: pair for n, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True)
class Trial:
    """One fresh agent process measuring one cell; invalid ones keep their reason and are never averaged.

    `samples` holds, for each metric, one value an iteration that was measured (not warm-up).
    """

    number: int
    block: int
    cell: str
    valid: bool
    reason: InvalidReason | None
    detail: str
    started_utc: str
    wall_s: float
    samples: Mapping[str, tuple[float, ...]]
    notes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One scenario on one device with one build. `status` is `running` until sealed."""

    id: str
    scenario: str
    suite: str
    build: str
    build_line: str
    device: str
    started_utc: str
    ended_utc: str | None
    status: Literal["running", "finished", "interrupted", "failed"]
    seed: int
    blocks: int
    context: Context
    cells: tuple[Cell, ...]
    scenario_toml: str


@dataclass(frozen=True)
class Interval:
    """An estimate with a two-sided interval; `low` and `high` are None where none may be printed."""

    estimate: float
    low: float | None
    high: float | None
    level: float
    n: int


@dataclass(frozen=True)
class CellSummary:
    """One row of an answer's table.

    `trial_cv` is the coefficient of variation of trial medians, which the interval's width comes from.
    `between_cv` and `within_cv` are the coefficients of variation of trials and of iterations inside a
    trial, as variance components (`lab.stats.summary.spread`); None where they cannot be estimated.
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
    """What a run says to its scenario's question."""

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
