"""The nouns of the lab, frozen: what scenario, runner, store, stats and report hand each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from device_agents.contract import InvalidReason

Parameter = str | int | float | bool
DeviceKind = Literal["host", "virtual", "emulated", "phone"]
Profile = Literal["observe", "fixed", "rooted"]
"""How much of a device is changed for a measurement: little, fixed performance by Android, or pinned by root."""


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
class Vitals:
    """What a device's sensors said at one moment. What could not be read is absent or None, never 0.

    `boot_s` is the device's own clock (seconds since its boot). `celsius` goes by a zone's `type`, and `battery`;
    `hal_kinds` holds the type that Android's thermal HAL gives each sensor of its own (0 CPU, 3 SKIN, 9 NPU);
    `clocks_khz` and `caps` by cpufreq policy, a cap being the highest clock now allowed over the highest there is;
    `cooling` by a cooling device's `type`: above 0 it throttles. `busy_cores` is how many cores' worth of CPU time
    everything on the device used since the look before (or in a short while, for a single look), `stolen_cores`
    what the machine under a virtual one took. `missing` says of each sensor that gave nothing why.
    """

    boot_s: float
    celsius: Mapping[str, float] = field(default_factory=dict)
    clocks_khz: Mapping[str, float] = field(default_factory=dict)
    caps: Mapping[str, float] = field(default_factory=dict)
    cooling: Mapping[str, int] = field(default_factory=dict)
    thermal_status: int | None = None
    battery_level: float | None = None
    powered: bool | None = None
    charge_uah: float | None = None
    current_ua: float | None = None
    voltage_mv: float | None = None
    busy_cores: float | None = None
    stolen_cores: float | None = None
    available_bytes: int | None = None
    hal_kinds: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inject:
    """A slow-down that the lab asked for to test itself: the stage's time is multiplied by `slow_down`."""

    stage: str
    slow_down: float


@dataclass(frozen=True)
class Trial:
    """One fresh agent process measuring one cell; invalid ones keep their reason and are never averaged.

    `samples` holds, for each metric, one value an iteration that was measured (not warm-up); those from
    `first_steady` on count. `state` says what its iterations say of warm-up: `unknown` when there were too few
    to tell, `unsteady` when they had not settled, and then none of them counts. `purpose` is `memory` for the
    separate pass, which is never timed. `flags` are what a reader must know of a trial that counts all the same,
    `placement` says by stage what did the work: NPU, MIXED, CPU or UNKNOWN. `boot` is the device's own name of
    the boot that it was in; empty where it does not say.
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
    purpose: Literal["time", "memory"] = "time"
    state: Literal["steady", "unsteady", "unknown"] = "unknown"
    first_steady: int = 0
    flags: tuple[str, ...] = ()
    placement: Mapping[str, str] = field(default_factory=dict)
    boot: str = ""


@dataclass(frozen=True)
class Run:
    """One scenario on one device with one build. `status` is `running` until sealed.

    Every cell has `blocks` trials; with a `target` (the relative half-width wanted of every interval) those that
    are wider go on, up to `most` trials, until `budget_s` device-seconds are spent. `inject` is the lab's test of
    itself, `comparison` the comparison that this run is a side of; with `memory` every cell has one more trial, in
    the separate pass.
    """

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
    most: int | None = None
    target: float | None = None
    budget_s: float | None = None
    inject: Inject | None = None
    comparison: str | None = None
    memory: bool = False


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
