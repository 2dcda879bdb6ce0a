"""The nouns of a run, frozen: from a cell and a device to its trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from device_agents.reasons import InvalidReason

UNGATED, BUSY, IDLE_UNKNOWN = "ungated", "busy", "idle_unknown"
SENSOR_GONE, SENSOR_STILL = "sensor_gone", "sensor_still"
UNSAMPLED, ENDED, ELSEWHERE, MIXED = "unsampled", "ended", "elsewhere", "mixed"
UNPLACED = "unplaced"
FLAGS: Mapping[str, str] = {
    UNGATED: "case and chip temperature were not checked at the start: no sensor, or a machine not left to cool",
    BUSY: "something else kept the device's cores busy when the trial began",
    IDLE_UNKNOWN: "the device's idle temperature was not known yet: this trial's start became the reference",
    SENSOR_GONE: "a sensor that the gate uses gave no reading; the gate used the others",
    SENSOR_STILL: "a sensor did not change while its neighbours did: its readings may be old",
    UNSAMPLED: "no sensor was read while it ran: heat would have gone unseen",
    ENDED: "the scenario asks about heat, and the lab ended it early to protect the battery: valid until then",
    MIXED: "a stage ran partly on an accelerator and partly on the CPU",
    UNPLACED: "nobody saw what a foreign tool ran on: unit unknown, not comparable with figures of a known unit",
    ELSEWHERE: "an accelerator is claimed, but others used about a core more than before: perhaps for its work",
}
"""Sentences that explain flags to a reader. A flagged trial still counts."""

ACCEPTANCE = "acceptance"
"""The suite of runs of the reference cell, which a comparison makes before it judges builds."""

Parameter = str | int | float | bool
Purpose = Literal["time", "memory"]
"""What a trial is measured for: time, or memory in a pass that is never timed."""

DeviceKind = Literal["host", "virtual", "emulated", "phone"]
Profile = Literal["observe", "fixed", "rooted"]
"""How much the lab changes a device to measure: little, Android's fixed performance mode, or pinned by root."""


@dataclass(frozen=True)
class Metric:
    """One figure of a trial. Its name carries the unit; `better` is the direction of improvement."""

    name: str
    label: str
    unit: str
    better: Literal["lower", "higher"]


def purpose_of(metric: str) -> Purpose:
    """Return what the trials are measured for that a metric comes from; those of memory end in ``_bytes``."""
    return "memory" if metric.endswith("_bytes") else "time"


@dataclass(frozen=True)
class Cell:
    """One point of a sweep. `key` is its stable name, e.g. ``patches_per_batch=4``; `label` is shown to people."""

    key: str
    parameters: Mapping[str, Parameter]
    label: str = ""


@dataclass(frozen=True)
class DeviceIdentity:
    """The identity of a device. `fingerprint` changes when its software does."""

    name: str
    kind: DeviceKind
    model: str
    fingerprint: str
    cores: tuple[int, ...]


@dataclass(frozen=True)
class Context:
    """Everything that must agree before two runs may be compared: fact -> value, both text."""

    facts: Mapping[str, str]

    def differs_from(self, other: Context) -> dict[str, tuple[str, str]]:
        """Return fact -> (ours, theirs) for each fact that differs; a missing one is ``(none)``."""
        names = sorted({*self.facts, *other.facts})
        pairs = {n: (self.facts.get(n, "(none)"), other.facts.get(n, "(none)")) for n in names}
        return {n: pair for n, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True)
class Vitals:
    """Readings of a device's sensors at one moment. A value that could not be read is absent or None, never 0.

    `boot_s` is the device's own clock (seconds since boot). `celsius` is keyed by a zone's `type`, and `battery`;
    `hal_kinds` holds the type that Android's thermal HAL gives each of its sensors (0 CPU, 3 SKIN, 9 NPU);
    `clocks_khz` and `caps` are keyed by cpufreq policy, and a cap is the highest clock allowed now over the
    highest possible; `cooling` is keyed by a cooling device's `type`, and a value above 0 throttles. `busy_cores`
    is the CPU time, in cores, that everything on the device used since the reading before (for a single reading:
    over a short while), `stolen_cores` the time that the host of a virtual machine took. `missing` holds, for each
    sensor without a reading, the reason.
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
    """A slow-down by which the lab tests itself: the stage's time is multiplied by `slow_down`."""

    stage: str
    slow_down: float


@dataclass(frozen=True)
class Trial:
    """One fresh agent process measuring one cell; an invalid trial keeps its reason and is never averaged.

    `samples` holds, for each metric, one value for every measured iteration (not warm-up); those from
    `first_steady` on count. `state` is the state of warm-up: `unknown` with too few iterations to tell, `unsteady`
    if they had not settled, in which case none counts. `purpose` is `memory` for the separate memory pass, which
    is never timed. `flags` are warnings about a trial that still counts; `placement` is, for each stage, the unit
    that did the work: NPU, MIXED, CPU or UNKNOWN. `boot` is the device's own id of its boot; empty if it has none.
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
    purpose: Purpose = "time"
    state: Literal["steady", "unsteady", "unknown"] = "unknown"
    first_steady: int = 0
    flags: tuple[str, ...] = ()
    placement: Mapping[str, str] = field(default_factory=dict)
    boot: str = ""


@dataclass(frozen=True)
class Run:
    """One scenario on one device with one build. `status` is `running` until sealed.

    Every cell has `blocks` trials; with a `target` (the relative half-width wanted of every interval), cells that
    are wider get more, up to `most` trials, until `budget_s` device-seconds are spent. `inject` is the lab's test
    of itself, `comparison` the id of the comparison that this run is a side of, `night` of the night that made it;
    with `memory`, every cell has one more trial, in the separate memory pass.
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
    night: str | None = None


@dataclass(frozen=True)
class Flaw:
    """The reason why a trial does not count: the contract's word, and a sentence."""

    reason: InvalidReason
    detail: str
