"""What a run would do, and how long that takes by what earlier runs of the store took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

from lab.builds.folder import Build
from lab.errors import StoreError
from lab.records import Run, Trial
from lab.run.bench import inputs_in
from lab.scenario.plan import Scenario
from lab.store import Store, glance
from lab.trial.job import work_of

LOOKED_AT = 200
"""How many runs are looked through for one that tells, newest first; a judgement: reading each takes a moment."""


@dataclass(frozen=True)
class Expected:
    """The trials of a scenario, and the seconds they take.

    `trials` are measured at least, `most` with what a closed loop may add. `trial_s` is the median time from one
    trial's start to the next one's in the run `by`, waits included; both are None if no earlier run tells.
    `same_build` says whether that run measured the same line.
    """

    scenario: Scenario
    device: str
    trials: int
    most: int
    trial_s: float | None
    by: Run | None
    same_build: bool


def expected(store: Store, scenario: Scenario, device: str, line: str, *, memory: bool = False) -> Expected:
    """Return what measuring a scenario on a device would take, by the newest finished run of the same work."""
    cells = len(scenario.cells)
    most = max(scenario.plan.blocks, scenario.plan.most or 0) if scenario.plan.target else scenario.plan.blocks
    by, trial_s = None, None
    for run in _alike(store, scenario, device):
        if (by is None or run.build_line == line) and (took := _trial_s(store.trials(run.id))) is not None:
            by, trial_s = run, took
            if run.build_line == line:
                break
    return Expected(
        scenario=scenario,
        device=device,
        trials=cells * (scenario.plan.blocks + memory),
        most=cells * (most + memory),
        trial_s=trial_s,
        by=by,
        same_build=by is not None and by.build_line == line,
    )


def refuse_impossible(scenario: Scenario, build: Build) -> None:
    """Raise what a run of a scenario would, `ScenarioError`, for a cell that the build cannot do."""
    inputs = inputs_in(scenario.cells, build)
    for cell in scenario.cells:
        work_of(cell, scenario.kind, build.manifest, inputs)


def _alike(store: Store, scenario: Scenario, device: str) -> Iterator[Run]:
    """Yield the finished runs of the same cells and iterations on a device, newest first."""
    for number, each in enumerate(glance.newest(store.root, ("run",))):
        if number == LOOKED_AT:
            break
        if (each.scenario, each.device, each.status, each.part_of) != (scenario.name, device, "finished", ""):
            continue
        try:
            run = store.run(each.id)
        except StoreError:
            continue
        plan = {"warmup": str(scenario.plan.warmup), "iterations": str(scenario.plan.iterations)}
        if run.cells == scenario.cells and plan.items() <= run.context.facts.items():
            yield run


def _trial_s(trials: Sequence[Trial]) -> float | None:
    """Return the median seconds from a trial's start to the next one's; of a single trial its own.

    None if no trial counts.
    """
    if not any(trial.valid for trial in trials):
        return None
    begun = [datetime.fromisoformat(trial.started_utc.replace("Z", "+00:00")) for trial in trials]
    steps = [(later - earlier).total_seconds() for earlier, later in pairwise(begun)]
    return median(steps) if steps else trials[0].wall_s
