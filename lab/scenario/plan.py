"""A scenario, its plan and its gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lab.documents.tables import Table
from lab.errors import ScenarioError
from lab.records import Cell, Purpose, purpose_of

MOST = 1_000_000
"""Most trials of a cell and most iterations of a trial. A judgement: of a second each, these take 12 days."""

Words = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1, le=MOST)]
Seconds = Annotated[float, Field(ge=0)]

LOOP_BLOCKS = 4
"""Fewest blocks of a closed loop: fewer trials give no interval (`MIN_TRIALS` in `lab.stats.sample`)."""

LOOP_MOST = 6
"""Fewest trials that give a closed loop its first interval (docs/adr/0012: order statistics, many looks)."""


CPU_TIME_LEAST = 0.7
"""Least share of its time for which work on a CPU must have had it: a judgement (docs/adr/0021). Trials of a quiet
machine had at least 0.80, and trials beside one busy core of two 0.52 to 0.66."""


class Plan(Table):
    """How much to measure: `blocks` trials of each cell, each of at most `timeout_s` seconds.

    With a `target` (relative half-width, 0.02 = 2 %), cells whose interval is wider get more trials, up to `most`
    each, until `budget_s` device-seconds are spent; where `most` equals `blocks` the number of trials is fixed.
    With `duration_s` every trial lasts about that many seconds.
    """

    warmup: Annotated[int, Field(ge=0, le=MOST)] = 1
    iterations: Positive = 3
    blocks: Positive = 6
    timeout_s: Annotated[float, Field(gt=0)] = 120
    most: Positive | None = None
    target: Annotated[float, Field(gt=0, lt=1)] | None = None
    budget_s: Annotated[float, Field(gt=0)] | None = None
    duration_s: Annotated[float, Field(gt=0)] | None = None


class Gates(Table):
    """Conditions for a trial: `max_gap` is the largest share of an iteration that spans may leave unaccounted for,
    `cpu_time_least` the least share of its time that work on a CPU must have had the CPU.

    A trial starts when the device is cool and quiet. The lab waits up to `wait_s` for that and reads the sensors
    every `poll_s`. A trial during which the device throttles is rejected, unless `throttling` is `keep`: for
    scenarios that ask about heat. `lab.gate` has the sources of the numbers.
    """

    max_gap: Annotated[float, Field(gt=0, lt=1)] = 0.10
    cpu_time_least: Annotated[float, Field(ge=0, lt=1)] = CPU_TIME_LEAST
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


@dataclass(frozen=True)
class Scenario:
    """One question; `metric` answers it, `repeats` names the published figure that it repeats, or is empty."""

    name: str
    question: str
    repeats: str
    metric: str
    kind: str
    cells: tuple[Cell, ...]
    plan: Plan
    gates: Gates
    toml: str

    @property
    def purpose(self) -> Purpose:
        """What its trials are measured for; where it asks about memory, every trial is a memory pass."""
        return purpose_of(self.metric)


def check_closed_loop(plan: Plan, *, at: str) -> None:
    """Refuse a closed loop that could not end or could not have an interval; `at` names the file in messages.

    A plan whose `most` equals `blocks` has no closed loop. Raises `ScenarioError`.
    """
    most = plan.blocks if plan.most is None else plan.most
    if most < plan.blocks:
        raise ScenarioError(f"{at}: [plan] 'most' is {most}, fewer than 'blocks', {plan.blocks}: raise it")
    if most == plan.blocks and (plan.target is None or plan.most is not None):
        return
    if plan.target is None or plan.budget_s is None or plan.most is None:
        raise ScenarioError(
            f"{at}: [plan] 'target', 'most' and 'budget_s' belong together: the half-width wanted of every "
            "interval, and the trials and device-seconds at which to give up; add what is missing"
        )
    if plan.most < LOOP_MOST:
        raise ScenarioError(
            f"{at}: [plan] wanted 'most' of at least {LOOP_MOST} where there is a 'target' (an interval that "
            f"is computed after every trial needs that many), found {plan.most}"
        )
    if plan.blocks < LOOP_BLOCKS:
        raise ScenarioError(
            f"{at}: [plan] wanted at least {LOOP_BLOCKS} blocks where there is a 'target' (fewer trials give no "
            f"interval), found {plan.blocks}"
        )
