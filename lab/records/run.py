"""The nouns of the lab, frozen: what scenario, runner, store, stats and report hand each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from device_agents.reasons import InvalidReason

UNGATED, BUSY, IDLE_UNKNOWN = "ungated", "busy", "idle_unknown"
SENSOR_GONE, SENSOR_STILL = "sensor_gone", "sensor_still"
UNSAMPLED, ENDED, ELSEWHERE, MIXED = "unsampled", "ended", "elsewhere", "mixed"
FLAGS: Mapping[str, str] = {
    UNGATED: "the trial began whatever case and chip read: nothing tells it, or this machine is not left to cool",
    BUSY: "something else kept the device's cores busy when the trial began",
    IDLE_UNKNOWN: "how cool the device is at rest was not known yet: this trial's start became the measure",
    SENSOR_GONE: "a sensor that the gate goes by gave no reading; it went by the others",
    SENSOR_STILL: "a sensor stood still while its neighbours moved: what it says may be old",
    UNSAMPLED: "nothing is known of its sensors while it ran: heat in it would not have been seen",
    ENDED: "heat is what is asked about, and the lab ended it early for the battery's sake: it tells until then",
    MIXED: "a stage was done by an accelerator and by the CPU, each in part",
    ELSEWHERE: "an accelerator is claimed, and others used about a core more than before: perhaps for its work",
}
"""What a flag says to a reader; none is a reason not to count."""


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
class Flaw:
    """Why a trial does not count, in the contract's word and in a sentence."""

    reason: InvalidReason
    detail: str
