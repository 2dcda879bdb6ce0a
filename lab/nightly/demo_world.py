"""The world of the demonstration: its devices, its lines of builds, and everything that is wrong in it.

Nights are counted back from the last one (0), so that a shorter demonstration ends in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.records.telling import percent

SUITE = """\
# A demonstration: its devices are simulated, and no figure was measured in the night it stands for.

[suite]
name = "demo"
question = "What got worse since last night, in a demonstration?"
scenarios = ["decode", "prefill_tokens", "vit_batch"]

[nightly]
lines = ["demo-w4", "demo-w8"]
anchor = "demo-fp32"
devices = "demo-host, demo-phone-1, demo-phone-2, demo-phone-3, demo-phone-4"
measure_minutes = 180
confirm_minutes = 120

[cells]
decode = ["context_tokens=128", "context_tokens=2048"]
prefill_tokens = ["parallel_tokens=128"]
vit_batch = ["patches_per_batch=4"]

[plan]
warmup = 1
iterations = 1
blocks = 5
most = 5
"""

LINES: Mapping[str, int | None] = {"demo-w4": 2, "demo-w8": 6, "demo-fp32": None}
"""Line -> nights from one build to the next; the anchor has one build."""

STAGES: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "decode": {"context_tokens=128": {"decode_s": 2.62}, "context_tokens=2048": {"decode_s": 3.05}},
    "prefill_tokens": {"parallel_tokens=128": {"prefill_s": 2.8}},
    "vit_batch": {
        "patches_per_batch=4": {"tile_s": 0.06, "patch_embed_s": 0.34, "vit_s": 1.46, "project_s": 0.20}
    },
}
"""Scenario -> cell -> seconds of each stage on demo-phone-1: a judgement, in the range of published phones."""

NEW_TOKENS = 64
"""Tokens of a trial of `decode`, as in its scenario."""


@dataclass(frozen=True)
class Simulated:
    """A device: its `speed` over that of demo-phone-1, and the share of the recorded noise (of logs) that it has.

    The recordings are of a busy shared host; that phones, whose cores are their own, have about a seventh of its
    noise is a judgement.
    """

    speed: float
    noise: float = 0.15


DEVICES: Mapping[str, Simulated] = {
    "demo-host": Simulated(0.80, 1.0),
    "demo-phone-1": Simulated(1.00),
    "demo-phone-2": Simulated(1.02),
    "demo-phone-3": Simulated(0.97),
    "demo-phone-4": Simulated(1.01),
}
PHONES = tuple(name for name in DEVICES if name != "demo-host")


@dataclass(frozen=True)
class Step:
    """Builds of which a stage takes `factor` times as long: from the one of night `began` to that of `mended`.

    `mended` None: it stays. `says` is what a person says of its incident on the next day, if it is expected.
    """

    line: str
    stage: str
    factor: float
    began: int
    mended: int | None = None
    devices: tuple[str, ...] = tuple(DEVICES)
    says: str = ""


@dataclass(frozen=True)
class Drift:
    """A device that gets slower by a share every night."""

    device: str
    share: float
    began: int


@dataclass(frozen=True)
class Update:
    """New software on a device, on which everything takes `factor` times as long."""

    device: str
    factor: float
    began: int
    before: str
    after: str


@dataclass(frozen=True)
class Missing:
    """A device that no longer answers."""

    device: str
    began: int
    why: str


STEPS = (
    Step("demo-w4", "decode_s", 1.10, began=52, mended=38),
    Step("demo-w8", "vit_s", 1.15, began=24, says="expected: more patches for small print"),
    Step("demo-w4", "prefill_s", 1.08, began=0, devices=PHONES),
)
DRIFT = Drift("demo-phone-4", 0.0015, began=60)
UPDATE = Update("demo-phone-1", 1.03, began=30, before="demo/14", after="demo/15")
MISSING = Missing("demo-phone-3", began=10, why="demo-phone-3 does not answer")


def built(line: str, ago: int, nights: int) -> int:
    """Return the night on which the build that a line has `ago` nights before the last one was new."""
    every = LINES[line]
    return nights - 1 if every is None else min(ago + -ago % every, nights - 1)


def build_factor(line: str, stage: str, device: str, built: int) -> float:
    """Return how much longer than in its line's first build a stage of the build of night `built` takes."""
    found = 1.0
    for step in STEPS:
        here = (step.line, step.stage) == (line, stage) and device in step.devices
        if here and built <= step.began and (step.mended is None or built > step.mended):
            found *= step.factor
    return found


def device_factor(device: str, ago: int) -> float:
    """Return how much longer everything takes on a device than on demo-phone-1 in the first night."""
    drifted = max(0, DRIFT.began - ago) if device == DRIFT.device else 0
    update = UPDATE.factor if _updated(device, ago) else 1.0
    return update * (1 + DRIFT.share) ** drifted / DEVICES[device].speed


def samples_of(metric: str, stages: Mapping[str, float]) -> Mapping[str, tuple[float, ...]]:
    """Return the samples of a trial from the seconds of its stages."""
    seconds = sum(stages.values())
    figure = NEW_TOKENS / seconds if metric == "decode_tokens_per_s" else seconds
    return {name: (value,) for name, value in {**stages, metric: figure}.items()}


def facts_of(device: str, ago: int) -> Mapping[str, str]:
    """Return the Context of a run on a device."""
    return {
        "device_kind": "simulated",
        "device_fingerprint": UPDATE.after if _updated(device, ago) else UPDATE.before,
    }


def _updated(device: str, ago: int) -> bool:
    return device == UPDATE.device and ago <= UPDATE.began


def injected() -> list[str]:
    """Return what was injected, a line each, for whoever judges the report."""
    lines = []
    for step in STEPS:
        end = "stays" if step.mended is None else f"mended {step.mended} nights before it"
        where = "all devices" if len(step.devices) == len(DEVICES) else ", ".join(step.devices)
        words = (
            f"{step.line}, {step.stage}: {percent(step.factor - 1)} longer, {step.began} nights before the last"
        )
        lines.append(f"{words}, {end}; {where}{f'; {step.says}' if step.says else ''}")
    return [
        *lines,
        f"{DRIFT.device}: {percent(DRIFT.share)} longer every night, for the last {DRIFT.began} nights",
        f"{UPDATE.device}: software {UPDATE.before} -> {UPDATE.after} and {percent(UPDATE.factor - 1)} longer, "
        f"{UPDATE.began} nights before the last",
        f"{MISSING.device}: no figure for {MISSING.began + 1} nights, the last one included",
    ]
