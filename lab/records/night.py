"""A night: the series it measured, what was found of them, what was not measured, and the incidents it knew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from lab.records.run import Metric
from lab.records.verdict import WORSE, CellVerdict, Interval

Outcome = Literal[
    "regressed",
    "suspected",
    "cannot tell",
    "not reproduced",
    "not the build",
    "trend",
    "improved",
    "known",
    "no change seen",
    "no history",
]
OUTCOMES: Mapping[Outcome, str] = {
    "regressed": "the new build is worse: measured again tonight, in turn with the last good build",
    "suspected": "a screen noticed a change; there was no time, or no way, to measure it again",
    "cannot tell": "measured again tonight; the pairs do not show whether the build changed it",
    "not reproduced": "a screen noticed a change; measured again tonight, the pairs do not show it",
    "not the build": "it changed, but the build did not: look at the device, its software or the lab",
    "trend": "it drifts slowly: no single night or build did it",
    "improved": "the new build is better: measured again tonight, in turn with the last good build",
    "known": "explained by an incident that is known",
    "no change seen": "neither screen noticed a change",
    "no history": "too few nights to judge",
}
"""Outcome of a series in a night -> its meaning, worst first."""

Screen = Literal["tonight", "steps"]
State = Literal["new", "acknowledged", "expected", "fixed", "back", "invalid"]

OPEN: tuple[State, ...] = ("new", "acknowledged", "back")
"""States of an incident that somebody must still act on; the others are closed."""


@dataclass(frozen=True)
class Series:
    """Something that has a history: one cell of a scenario, of a line of builds, on a device."""

    scenario: str
    cell: str
    line: str
    metric: str
    device: str

    @property
    def name(self) -> str:
        """The name of the series in a line, unique within a data root."""
        return " / ".join((self.scenario, self.cell, self.line, self.metric, self.device))


@dataclass(frozen=True)
class BuildAt:
    """A build at its place in a line; `revision` is 0 where the line is not known to hold it."""

    id: str
    line: str
    revision: int

    @property
    def name(self) -> str:
        """The build for people: its line, its revision and the start of its id."""
        return f"{self.line} r{self.revision} ({self.id[:8]})"


@dataclass(frozen=True)
class Planned:
    """Something a night was to measure: a scenario, with a line's newest build, on a device.

    The most important has the lowest `priority`. An `anchor` is the same build every night.
    """

    scenario: str
    line: str
    device: str
    priority: int
    anchor: bool = False


@dataclass(frozen=True)
class Value:
    """The figure of a series in a night: the median of its trial medians, in the unit of its metric.

    `error` is its relative standard error over trials (None: too few), `lost` the trials that did not count. The
    `context` names whatever splits a history when it changes: fact -> value. `usual` is the level of the nights
    before, `nights` their number.
    """

    series: Series
    metric: Metric
    build: BuildAt
    run: str
    value: float
    error: float | None
    trials: int
    lost: int
    context: Mapping[str, str]
    outcome: Outcome = "no history"
    usual: float | None = None
    nights: int = 0


@dataclass(frozen=True)
class Point:
    """A night in the history of a series; `build` is the start of the build's id, `event` what changed then."""

    date: str
    value: float
    build: str
    event: str = ""


@dataclass(frozen=True)
class Stage:
    """A stage of the work in a confirmation: candidate / baseline of its time, and the pairs behind it."""

    metric: str
    change: Interval


@dataclass(frozen=True)
class Finding:
    """A series of which there is something to say, and the evidence.

    `good` is the last good build, `bad` the first on the new level, `since` its night (a date). `score` is the
    distance from the usual in units of the screen's limit. `verdict` and `ratios` (candidate / baseline, a pair
    each) come from the confirming `comparison`; `stages` are the stages that moved in it. `why` and `advice` are
    sentences.
    """

    series: Series
    metric: Metric
    outcome: Outcome
    screens: tuple[Screen, ...]
    score: float
    usual: float
    value: float
    since: str
    good: BuildAt | None
    bad: BuildAt
    run: str
    why: str
    advice: str = ""
    comparison: str = ""
    verdict: CellVerdict | None = None
    ratios: tuple[float, ...] = ()
    stages: tuple[Stage, ...] = ()
    history: tuple[Point, ...] = ()
    incident: str = ""

    @property
    def ratio(self) -> float:
        """New / usual: of the confirmation if there is one, else of the nights."""
        change = self.verdict.change if self.verdict else None
        return change.estimate if change else self.value / self.usual

    @property
    def worse(self) -> bool:
        """True if the figure moved in the bad direction of its metric."""
        return (self.ratio > 1) == (self.metric.better == "lower")

    @property
    def failing(self) -> bool:
        """True if a comparison found the new build worse."""
        return self.outcome == "regressed" and self.verdict is not None and self.verdict.verdict in WORSE


@dataclass(frozen=True)
class Across:
    """One change over all devices that confirmed or refused it: a random-effects mean of their ratios.

    `series` has an empty device. `tau` is the standard deviation of the change between devices (log scale).
    """

    series: Series
    metric: Metric
    devices: tuple[str, ...]
    change: Interval
    tau: float


@dataclass(frozen=True)
class Gap:
    """Something a night was to measure and did not; `nights` counts the nights in a row, tonight included."""

    planned: Planned
    why: str
    nights: int = 1


@dataclass(frozen=True)
class Event:
    """Something that happened to an incident."""

    utc: str
    night: str
    state: State
    who: str
    note: str


@dataclass(frozen=True)
class Member:
    """A series of an incident: the change that a comparison confirmed, and the level before it.

    `back` is the id of the comparison that found it no worse again; empty while it is worse.
    """

    series: Series
    metric: Metric
    change: Interval
    usual: float
    comparison: str
    back: str = ""


@dataclass(frozen=True)
class Incident:
    """One cause: a step of a line's builds after which series got worse. `status` is its state.

    The cause lies after build `good` and not after `bad`. `night` is the date of the night that opened it. It is
    alerted once; `events` are its story, oldest first.
    """

    id: str
    started_utc: str
    status: State
    line: str
    night: str
    good: BuildAt
    bad: BuildAt
    members: tuple[Member, ...]
    events: tuple[Event, ...]
    owner: str = ""
    demo: bool = False

    @property
    def began(self) -> str:
        """The date of the night from which its series are worse: it opened the incident, or found it back."""
        turns = [now.night for last, now in pairwise(self.events) if last.state != now.state == "back"]
        return turns[-1] if turns else self.night

    @property
    def worst(self) -> Member:
        """The series that changed most, of those that are still worse; an incident has at least one series."""
        worse = [each for each in self.members if not each.back] or self.members
        return max(worse, key=lambda member: abs(math.log(member.change.estimate)))


@dataclass(frozen=True)
class Night:
    """One night of a suite. `date` is its date in the suite's `zone`; `status` is `running` until it is judged.

    `counts` says how many series had each outcome. `noisy` is set where most suspects were new and did not
    confirm; `missed` is a sentence about nights in between that were not measured. `incidents` are those open or
    changed tonight, as they stood at its end; `told` the ids of those that tonight alerts on. `builds` are the
    builds it measures, by line. `budget_s` is device-seconds for measuring, on each device; `confirm_s` those
    for confirming, in the whole night. Whatever was not measured for `silent_after` nights is an alarm.
    """

    id: str
    started_utc: str
    ended_utc: str | None
    status: Literal["running", "finished", "interrupted", "failed"]
    suite: str
    date: str
    zone: str
    seed: int
    budget_s: float
    confirm_s: float
    planned: tuple[Planned, ...]
    suite_toml: str
    builds: Mapping[str, BuildAt] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    findings: tuple[Finding, ...] = ()
    across: tuple[Across, ...] = ()
    incidents: tuple[Incident, ...] = ()
    told: tuple[str, ...] = ()
    counts: Mapping[Outcome, int] = field(default_factory=dict)
    spent_s: float = 0.0
    confirm_spent_s: float = 0.0
    noisy: bool = False
    silent_after: int = 2
    missed: str = ""
    demo: bool = False

    @property
    def analysed(self) -> int:
        """The number of series that were judged or measured."""
        return sum(self.counts.values())

    @property
    def silent(self) -> tuple[Gap, ...]:
        """The gaps of `silent_after` nights or more: an alarm of its own."""
        return tuple(gap for gap in self.gaps if gap.nights >= self.silent_after)
