"""Measure what a night lacks: scenario after scenario, on all devices at once."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from lab.errors import BuildError, DeviceError, LabError, LabFailed, RunError, ScenarioError, StoreError
from lab.nightly.figures import figures_of
from lab.nightly.places import BenchOn
from lab.records import Night, Planned, Run, Value
from lab.run import fleet
from lab.run.begin import Beginner
from lab.run.bench import Bench, Watch
from lab.run.resume import reopen
from lab.run.turn import Terms
from lab.scenario.plan import Scenario
from lab.stats.pairs import cost_s
from lab.store import Store
from lab.store.kinds import RUNS

log = logging.getLogger(__name__)

Steps = tuple[Watch, Callable[[str, int], None], Callable[[str], None]]


class Show(fleet.Show, Protocol):
    """The display of a night: its runs, and the pairs of its comparisons."""

    def steps(self, title: str, total: int, done: int) -> AbstractContextManager[Steps]:
        """Show a count that grows to `total`; yields functions that take progress, the count, and words."""
        ...


AtWork = Callable[[Sequence[Bench], threading.Event], AbstractContextManager[tuple[Sequence[Bench], Show]]]
"""Makes benches that show what they push, with a display; they end once the event is set."""


@dataclass(frozen=True)
class Figures:
    """The figures of a night, what it measured, plan -> why it did not, and the device-seconds that it took."""

    values: tuple[Value, ...]
    done: frozenset[Planned]
    why: dict[Planned, str]
    spent_s: float


@dataclass(frozen=True)
class Seams:
    """The means by which a night measures: its scenarios by name, benches, a display, and the terms of turns."""

    scenario: Callable[[str], Scenario]
    bench_on: BenchOn
    at_work: AtWork
    terms: Terms


@dataclass
class _Work:
    """A night at work. `away` is device -> why it is left out from now on, `failed` plan -> why it failed."""

    store: Store
    night: Night
    away: dict[str, str]
    runs: dict[tuple[str, str, str], Run]
    failed: dict[Planned, str] = field(default_factory=dict)
    costs_s: dict[str, float] = field(default_factory=dict)

    def run_of(self, plan: Planned) -> Run | None:
        """Return the run of a plan."""
        return self.runs.get((plan.scenario, plan.line, plan.device))

    def note(self, run: Run) -> None:
        """Remember a run that was begun or measured, and the device-seconds that it took."""
        self.runs[run.scenario, run.build_line, run.device] = run
        self.costs_s[run.id] = cost_s(self.store.trials(run.id))

    def spent_s(self, device: str) -> float:
        """Return the device-seconds that a device has measured tonight."""
        return sum(self.costs_s[run.id] for run in self.runs.values() if run.device == device)

    def lacks(self, plan: Planned) -> bool:
        """Tell whether a plan is to be measured now."""
        run = self.run_of(plan)
        done = run is not None and run.status == "finished"
        return not done and plan.device not in self.away and self.spent_s(plan.device) < self.night.budget_s


def measured(store: Store, night: Night, seams: Seams, away: Mapping[str, str]) -> Figures:
    """Measure what a night lacks, the most important first, and return its figures.

    `away` is device -> why it cannot be used. A device gets no further scenario once its time is spent or it
    failed; neither stops another device. Raises `StoreError`, `DiskFull` and `KeyboardInterrupt`.
    """
    work = _Work(store, night, dict(away), {})
    for run in runs_of(store, night):
        work.note(run)
    for _, plans in groupby(night.planned, key=lambda plan: (plan.scenario, plan.line)):
        if todo := [plan for plan in plans if work.lacks(plan)]:
            _measure(work, todo, seams)
    return _figures(work)


def runs_of(store: Store, night: Night) -> Iterator[Run]:
    """Yield the runs that a night began, oldest first, but not those of its comparisons."""
    for run_id in RUNS.ids(store.root):
        if run_id < night.id:  # UUIDv7: in the order of time
            continue
        try:
            run = store.run(run_id)
        except StoreError as error:
            log.warning("left out: %s", error)
            continue
        if run.night == night.id:
            yield run


def _measure(work: _Work, plans: Sequence[Planned], seams: Seams) -> None:
    """Measure one scenario with one line's build on some devices; failures are noted, not raised."""
    build, benches, terms = work.night.builds[plans[0].line], [], seams.terms
    try:
        chosen = seams.scenario(plans[0].scenario)
    except ScenarioError as error:  # changed since the night began
        work.failed |= dict.fromkeys(plans, first_line(error))
        return
    by_device: dict[str, Planned] = {}
    for plan in plans:
        try:
            cut = work.run_of(plan)
            benches.append(seams.bench_on(plan.device, build.id, cut.id if cut else ""))
            by_device[benches[-1].device.identity.name] = plan
        except BuildError as error:
            work.failed[plan] = first_line(error)
        except DeviceError as error:
            work.away[plan.device] = first_line(error)
    if not benches:
        return

    def begin(scenario: Scenario, bench: Bench) -> Run:
        """Return the run to go on with: the one that was cut, or a new one."""
        cut = work.run_of(by_device[bench.device.identity.name])
        if cut is not None:
            try:
                reopen(cut, scenario, bench)
                return cut
            except RunError as error:
                log.warning("run %s cannot be resumed, so it is measured again: %s", cut.id, error)
        seed = random.Random(f"{work.night.seed}/{scenario.name}/{build.line}").randrange(2**31)
        work.note(run := Beginner(work.night.suite, build.line, seed, night=work.night.id)(scenario, bench))
        return run

    with seams.at_work(benches, terms.stop) as (shown, show):
        ended = fleet.measure(shown, [chosen], terms, begin=begin, show=show, stop=terms.stop)
    for each in ended:
        if each.run is not None:
            work.note(work.store.run(each.run.id))
        if each.error is not None:
            work.failed[by_device[each.device]] = first_line(each.error)
        if isinstance(each.error, DeviceError | LabFailed):
            work.away[each.device] = first_line(each.error)


def first_line(error: LabError) -> str:
    """Return the first line of an error: the reason, as a report gives it."""
    return str(error).splitlines()[0]


def _figures(work: _Work) -> Figures:
    values: list[Value] = []
    done: set[Planned] = set()
    why: dict[Planned, str] = {}
    for plan in work.night.planned:
        run = work.run_of(plan)
        missing = [work.failed.get(plan) or work.away.get(plan.device, "")]
        if run is not None:
            try:
                found, lacking = figures_of(run, work.store.trials(run.id), work.night.builds[plan.line])
                values += found
                missing = lacking and [*lacking, *missing]
            except LabError as error:
                missing = [first_line(error)]
        if run is not None and not missing:
            done.add(plan)
        elif words := "; ".join(filter(None, missing)):
            why[plan] = words
    spent_s = sum(work.spent_s(device) for device in {plan.device for plan in work.night.planned})
    return Figures(tuple(values), frozenset(done), why, spent_s)
