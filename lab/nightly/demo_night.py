"""A night of the demonstration: figures drawn, judged, and saved as a real night's are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from lab.compare.comparison import BUDGET_S
from lab.identifiers import new_run_id
from lab.nightly import demo_world as world
from lab.nightly.conclude import conclude
from lab.nightly.confirm import groups, pair_of
from lab.nightly.coverage import gaps
from lab.nightly.figures import figures_of
from lab.nightly.plan import last_before
from lab.nightly.simulated import TRIAL_S, Draw, simulated, stamp
from lab.nightly.stages import moved_stages
from lab.nightly.suspect import Confirmation, Measured, Suspect
from lab.records import BuildAt, Cell, Comparison, Context, Night, Planned, Run, Trial, Value
from lab.scenario.known import SCENARIOS
from lab.scenario.nights import Nightly
from lab.scenario.plan import Scenario
from lab.scenario.suite import Suite, scenario_in
from lab.stats.interval import Looks
from lab.stats.pairs import ratios_by_block
from lab.stats.plan import Side
from lab.stats.sample import medians_by_block
from lab.store import Store

_SIDES: tuple[Side, Side] = ("candidate", "baseline")


@dataclass(frozen=True)
class DemoLab:
    """The simulated lab.

    `noise` holds recordings of each scenario: seconds of equal trials over their median, in the order of time.
    A line's `builds` are keyed by the night on which they were new, counted back from the last one.
    """

    store: Store
    suite: Suite
    nights: int
    noise: Mapping[str, Sequence[Sequence[float]]]
    builds: dict[str, dict[int, BuildAt]]
    generator: np.random.Generator

    @cached_property
    def scenarios(self) -> Mapping[str, Scenario]:
        """The scenarios of the suite, by name."""
        return {name: scenario_in(self.suite, name, SCENARIOS) for name in self.suite.scenarios}

    @cached_property
    def nightly(self) -> Nightly:
        """What the suite says of its nights."""
        return self.suite.nightly or Nightly(lines=list(world.LINES))


@dataclass
class Tonight:
    """A night at work, `ago` nights before the last one; `clock` moves on with everything that it measures."""

    lab: DemoLab
    night: Night
    ago: int
    clock: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.clock = datetime.fromisoformat(self.night.started_utc)

    def tick(self) -> str:
        """Return the id of a record that begins now; no two begin in the same second."""
        self.clock += timedelta(seconds=1)
        return id_at(self.clock)

    def measured(self, scenario: Scenario, device: str, build: BuildAt) -> tuple[Run, list[Trial]]:
        """Measure a run: each of its blocks holds one trial of each cell."""
        run = self.run(scenario, device, build)
        draw = self.draw(scenario, device, {"baseline": build})
        begun = datetime.fromisoformat(run.started_utc)
        trials: list[Trial] = []
        for block in range(run.blocks):
            for cell in run.cells:
                number, utc = len(trials) + 1, stamp(begun + timedelta(seconds=TRIAL_S * len(trials)))
                samples = draw(cell, "baseline", block)
                trials.append(Trial(number, block, cell.key, True, None, "", utc, TRIAL_S, samples))
        return run, trials

    def confirm(self, suspects: Sequence[Suspect], budget_s: float) -> Iterator[Confirmation]:
        """Measure suspects again, the most valuable first; a :data:`lab.nightly.suspect.Confirm`."""
        self.clock += timedelta(hours=2)
        for group in groups(suspects):
            if budget_s > 0:
                found = self._compared(group, min(budget_s, BUDGET_S))
                budget_s -= found.spent_s
                yield found

    def _compared(self, group: Sequence[Suspect], budget_s: float) -> Confirmation:
        """Compare the last good build with tonight's, and save the comparison and both runs."""
        series = group[0].value.series
        wanted = {each.value.series.cell for each in group}
        whole = self.lab.scenarios[series.scenario]
        scenario = replace(whole, cells=tuple(cell for cell in whole.cells if cell.key in wanted))
        known = {build.id: build for build in self.lab.builds[series.line].values()}
        good, new = (known[build] for build in pair_of(group))
        looks, number = Looks(), self.tick()
        ours, theirs = (self.run(scenario, series.device, build) for build in (good, new))
        opened = Comparison(
            id=number,
            dimension="build",
            scenario=scenario.name,
            metric=scenario.metric,
            device=series.device,
            baseline_run=ours.id,
            candidate_run=theirs.id,
            started_utc=stamp(self.clock),
            ended_utc=None,
            status="running",
            seed=int(self.lab.generator.integers(2**31)),
            looks_most=looks.most,
            looks_first=looks.first,
            budget_s=budget_s,
            differs={},
            night=self.night.id,
        )
        draw = self.draw(scenario, series.device, {"baseline": good, "candidate": new})
        ended, trials = simulated(opened, [(cell, cell) for cell in scenario.cells], draw)
        for run, side in ((ours, trials["baseline"]), (theirs, trials["candidate"])):
            save(self.lab.store, replace(run, comparison=ended.id, blocks=looks.most), side)
        self.lab.store.save_comparison(ended)
        self.clock = datetime.fromisoformat(ended.ended_utc or ended.started_utc)
        cells = {
            each.cell: Measured(
                each, _ratios(ended, trials, each.cell), moved_stages(self.lab.store, ended, each.cell)
            )
            for each in ended.cells
        }
        return Confirmation(tuple(group), ended.id, cells, TRIAL_S * sum(map(len, trials.values())))

    def run(self, scenario: Scenario, device: str, build: BuildAt) -> Run:
        """Return a run that begins now, which is not saved yet."""
        return Run(
            id=self.tick(),
            scenario=scenario.name,
            suite=self.night.suite,
            build=build.id,
            build_line=build.line,
            device=device,
            started_utc=stamp(self.clock),
            ended_utc=None,
            status="finished",
            seed=self.night.seed,
            blocks=scenario.plan.blocks,
            context=Context({**world.facts_of(device, self.ago), "build": build.id, "scenario": scenario.name}),
            cells=scenario.cells,
            scenario_toml=scenario.toml,
            night=self.night.id,
        )

    def draw(self, scenario: Scenario, device: str, builds: Mapping[Side, BuildAt]) -> Draw:
        """Return a device tonight: stages of the world times recorded noise, in its order, from a random place."""
        recordings = self.lab.noise[scenario.name]
        noise = recordings[int(self.lab.generator.integers(len(recordings)))]
        at = int(self.lab.generator.integers(len(noise)))
        new = {side: self._new(build) for side, build in builds.items()}
        usual = world.device_factor(device, self.ago)

        def trial(cell: Cell, side: Side, block: int) -> Mapping[str, tuple[float, ...]]:
            nonlocal at
            at = (at + 1) % len(noise)
            slower = usual * noise[at] ** world.DEVICES[device].noise
            stages = {
                stage: seconds * slower * world.build_factor(builds[side].line, stage, device, new[side])
                for stage, seconds in world.STAGES[scenario.name][cell.key].items()
            }
            return world.samples_of(scenario.metric, stages)

        return trial

    def _new(self, build: BuildAt) -> int:
        return next(ago for ago, each in self.lab.builds[build.line].items() if each == build)


def _ratios(comparison: Comparison, trials: Mapping[Side, Sequence[Trial]], cell: str) -> tuple[float, ...]:
    theirs, ours = (medians_by_block(trials[side], cell, comparison.metric) for side in _SIDES)
    return tuple(ratios_by_block(theirs, ours).values())


def run_night(lab: DemoLab, moment: datetime, ago: int) -> Night:
    """Measure a night of the world, judge it and save it; of the last night the runs are saved too."""
    tonight = Tonight(lab, planned(lab, moment, ago), ago)
    values: list[Value] = []
    done, why = set(), {}
    for plan in tonight.night.planned:
        if plan.device == world.MISSING.device and ago <= world.MISSING.began:
            why[plan] = world.MISSING.why
            continue
        done.add(plan)
        scenario, build = lab.scenarios[plan.scenario], tonight.night.builds[plan.line]
        run, trials = tonight.measured(scenario, plan.device, build)
        found, _ = figures_of(run, trials, build)
        if ago == 0:
            save(lab.store, run, trials)
        values += found if ago == 0 else [replace(each, run="") for each in found]
    before = last_before(lab.store, lab.suite.name, tonight.night.date)
    missing = gaps(tonight.night.planned, done, why, before)
    night = replace(tonight.night, gaps=missing, spent_s=TRIAL_S * sum(each.trials for each in values))
    return conclude(
        lab.store,
        night,
        values,
        tonight.confirm,
        policy=lab.suite.policy,
        utc=lambda: stamp(tonight.clock),
        new_id=lambda: id_at(tonight.clock),
    )


def planned(lab: DemoLab, moment: datetime, ago: int) -> Night:
    """Return a night before anything is measured, the most important scenario first."""
    nightly = lab.nightly
    order = [(name, line) for name in lab.suite.scenarios for line in world.LINES]
    return Night(
        id=id_at(moment),
        started_utc=stamp(moment),
        ended_utc=None,
        status="running",
        suite=lab.suite.name,
        date=moment.date().isoformat(),
        zone=nightly.zone,
        seed=ago,
        budget_s=60 * nightly.measure_minutes,
        confirm_s=60 * nightly.confirm_minutes,
        planned=tuple(
            Planned(name, line, device, priority, anchor=line == nightly.anchor)
            for priority, (name, line) in enumerate(order, start=1)
            for device in world.DEVICES
        ),
        suite_toml=lab.suite.toml,
        builds={line: lab.builds[line][world.built(line, ago, lab.nights)] for line in world.LINES},
        demo=True,
    )


def save(store: Store, run: Run, trials: Sequence[Trial]) -> None:
    """Save a finished run with its trials; it has no raw lines, because no agent ran."""
    store.create_run(replace(run, ended_utc=trials[-1].started_utc))
    for trial in trials:
        store.save_trial(run.id, trial)


def id_at(moment: datetime) -> str:
    """Return a new id of a moment, so that records sort by the time that they stand for."""
    return new_run_id(int(moment.timestamp() * 1e9))
