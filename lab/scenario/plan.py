"""A scenario and its plan and gates, as the rest of the lab sees them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lab.documents import Table
from lab.errors import ScenarioError
from lab.records import Cell

LOOP_BLOCKS = 4
"""Trials of each cell before a closed loop looks: no interval from fewer (lab.stats.summary.MIN_TRIALS)."""


LOOP_MOST = 6
"""Trials at which a closed loop's first interval can be had (docs/adr/0012: order statistics, looked at often)."""


Words = Annotated[str, Field(min_length=1)]


Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Plan:
    """How much is measured: `blocks` trials a cell; a trial longer than `timeout_s` is given up.

    With a `target` (relative half-width, 0.02 = 2 %) cells whose interval is wider go on, up to `most` trials,
    until `budget_s` device-seconds are spent; where `most` is `blocks` the number of trials is fixed. With
    `duration_s` every trial goes on for about that long.
    """

    warmup: int
    iterations: int
    blocks: int
    timeout_s: float
    most: int | None = None
    target: float | None = None
    budget_s: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class Gates:
    """What a trial must keep to: `max_gap` is the share of an iteration that no span may account for.

    A trial starts when the device is cool and quiet, and is waited for up to `wait_s`, looking every `poll_s`
    (lab.gates has the sources of the numbers). What throttles in between is rejected unless `throttling` is
    `keep`, as where heat is what is asked about.
    """

    max_gap: float
    start: Literal["every trial", "first trial", "never"] = "every trial"
    wait_s: float = 1800.0
    poll_s: float = 5.0
    load_wait_s: float = 30.0
    battery_level_least: float = 20.0
    battery_celsius_most: float = 35.0
    skin_above_idle_most: float = 2.0
    soc_above_idle_most: float = 5.0
    thermal_status_most: int = 0
    busy_per_core_most: float = 0.5
    pause_s: float = 600.0
    throttling: Literal["reject", "keep"] = "reject"
    cap_share_least: float = 0.85
    abort_battery_celsius: float = 40.0
    abort_thermal_status: int = 2


@dataclass(frozen=True)
class Scenario:
    """One question; `metric` answers it, `repeats` names the published figure it repeats, or is empty."""

    name: str
    question: str
    repeats: str
    metric: str
    kind: str
    cells: tuple[Cell, ...]
    plan: Plan
    gates: Gates
    toml: str


class _Plan(Table):
    warmup: Annotated[int, Field(ge=0)] = 1
    iterations: Positive = 3
    blocks: Positive = 6
    timeout_s: Annotated[float, Field(gt=0)] = 120
    most: Positive | None = None
    target: Annotated[float, Field(gt=0, lt=1)] | None = None
    budget_s: Annotated[float, Field(gt=0)] | None = None
    duration_s: Annotated[float, Field(gt=0)] | None = None


Seconds = Annotated[float, Field(ge=0)]


class _Gates(Table):
    max_gap: Annotated[float, Field(gt=0, lt=1)] = 0.10
    start: Literal["every trial", "first trial", "never"] = "every trial"
    wait_s: Seconds = 1800.0
    poll_s: Annotated[float, Field(gt=0)] = 5.0
    load_wait_s: Seconds = 30.0
    battery_level_least: Annotated[float, Field(ge=0, le=100)] = 20.0
    battery_celsius_most: float = 35.0
    skin_above_idle_most: Seconds = 2.0
    soc_above_idle_most: Seconds = 5.0
    thermal_status_most: Annotated[int, Field(ge=0, le=6)] = 0
    busy_per_core_most: Seconds = 0.5
    pause_s: Seconds = 600.0
    throttling: Literal["reject", "keep"] = "reject"
    cap_share_least: Annotated[float, Field(ge=0, le=1)] = 0.85
    abort_battery_celsius: float = 40.0
    abort_thermal_status: Annotated[int, Field(ge=1, le=6)] = 2


def _closed_loop(path: Path, plan: _Plan) -> None:
    """Refuse a closed loop that could not be kept; where `most` is `blocks` there is none."""
    most = plan.blocks if plan.most is None else plan.most
    if most < plan.blocks:
        raise ScenarioError(f"{path}: [plan]: 'most' is {most}, fewer than 'blocks', {plan.blocks}: raise it")
    if most == plan.blocks and (plan.target is None or plan.most is not None):
        return
    if plan.target is None or plan.budget_s is None or plan.most is None:
        raise ScenarioError(
            f"{path}: [plan]: 'target', 'most' and 'budget_s' belong together: the half-width wanted of every "
            "interval, and when to give it up"
        )
    if plan.most < LOOP_MOST:
        raise ScenarioError(
            f"{path}: [plan]: wanted 'most' of at least {LOOP_MOST} where there is a 'target' (an interval that "
            f"is looked at often needs so many trials), found {plan.most}"
        )
    if plan.blocks < LOOP_BLOCKS:
        raise ScenarioError(
            f"{path}: [plan]: wanted at least {LOOP_BLOCKS} blocks where there is a 'target' (no interval from "
            f"fewer trials), found {plan.blocks}"
        )
