"""One attempt at a trial: an agent process with its job and its folder, and the trial that it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_agents.contract import EvaluateWork, ForeignManifest, Input, Job, Manifest
from lab.device.cores import Held
from lab.records import Run, Trial
from lab.run.bench import Bench, Progress, Watch, job_of, questions_of
from lab.scenario.plan import Scenario
from lab.store import Store
from lab.trial import foreign
from lab.trial.agent import Errand, Launch, Outcome, launch_for
from lab.trial.answers import score, with_scores
from lab.trial.folder import EVENTS, read_events, read_or_empty
from lab.trial.job import Place
from lab.trial.judge import trial_of, with_memory
from lab.trial.limits import limits_of
from lab.trial.memory import Look


@dataclass(frozen=True)
class Attempts:
    """Everything that the attempts of one run share: scenario, bench, turn, inputs, and who watches."""

    record: Run
    scenario: Scenario
    bench: Bench
    held: Held
    watch: Watch
    inputs: Mapping[str, Input]

    def begin(
        self, place: Place, *, boot: str = "", iterations: int | None = None, pilot: bool = False
    ) -> Attempt:
        """Return an attempt at a trial, or at its pilot, still to be carried out.

        `iterations` None means as many as the plan says. Raises `OSError` when its folder cannot be written.
        """
        bench, record = self.bench, self.record
        job = job_of(record, place, self.scenario, bench, self.inputs, iterations=iterations, pilot=pilot)
        folder = bench.store.trial_folder(record.id, place.number)
        if pilot:
            folder = folder / "pilot"
            folder.mkdir(exist_ok=True)
        total = max(len(record.cells) * (record.blocks + record.memory), place.number)
        self.watch(Progress(place, total, 0))
        errand = Errand(
            launch=_launch(job, bench, folder),
            transport=bench.device.transport,
            folder=folder,
            timeout_s=self.scenario.plan.timeout_s,
            clock=bench.clock,
            look_every_s=bench.device.look_every_s,
            events_most=limits_of(job, self.inputs).bytes,
            started=self.held.note,
            iterations=lambda count: self.watch(Progress(place, total, count)),
        )
        return Attempt(self, place, job, errand, bench.clock.utc(), boot)


@dataclass(frozen=True)
class Attempt:
    """One agent process, begun at `started_utc` in the device's `boot`."""

    run: Attempts
    place: Place
    job: Job
    errand: Errand
    started_utc: str
    boot: str

    def judged(self, outcome: Outcome) -> Trial:
        """Return the trial that it came to; raises as `judge.trial_of` does."""
        bench, folder = self.run.bench, self.errand.folder
        trial = trial_of(
            self.place,
            self.job,
            outcome,
            folder,
            bench.build,
            scenario=self.run.scenario,
            inputs=self.run.inputs,
            kind=bench.device.identity.kind,
            started_utc=self.started_utc,
            boot=self.boot,
        )
        if not trial.valid or not isinstance(self.job.work, EvaluateWork):
            return trial
        events = read_events(read_or_empty(folder / EVENTS)).events
        questions, manifest = questions_of(self.place.cell, bench), bench.build.manifest
        assert isinstance(manifest, Manifest)  # a foreign tool answers no questions
        return with_scores(trial, events, score(events, questions, manifest.tokenizer), folder)

    def with_memory(self, trial: Trial, looks: Sequence[Look]) -> Trial:
        """Return the trial with figures of memory in place of times."""
        return with_memory(trial, self.job, self.errand.folder, self.run.bench.build, looks)


def _launch(job: Job, bench: Bench, folder: Path) -> Launch:
    manifest = bench.build.manifest
    if isinstance(manifest, ForeignManifest):
        return foreign.launch_for(job, manifest, bench.build, bench.device, folder)
    return launch_for(job, bench.device, folder)


def empty_folder(store: Store, run_id: str, number: int) -> Path:
    """Return a trial's empty folder; moves what a cut attempt left there aside, under ``interrupted/``."""
    folder = store.trial_folder(run_id, number)
    if any(folder.iterdir()):
        for part in folder.rglob("*.part"):  # of a file that was on its way: it is on the device, and takes room
            part.unlink()
        aside = folder.parent.parent / "interrupted"
        aside.mkdir(exist_ok=True)
        folder.rename(aside / f"{number:04d}-{len(list(aside.glob(f'{number:04d}-*'))) + 1}")
        folder = store.trial_folder(run_id, number)
    return folder
