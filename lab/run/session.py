"""A device's turn for one run: made ready once, then measured trial by trial, each saved before it is handed out.

Before the first trial of every start (a resumed run included) one agent process opens and closes every
graph, and is not counted: a first process measures the disk (cactus-compute/cactus, pull request 698).
Its raw lines stay in the run's folder as trial 0. On a device that can go away, what a lab that was
killed had begun there is collected first, and a reboot is followed by lease, push and settling anew.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

from device_agents.contract import ForeignManifest, InvalidReason, Job, Manifest
from lab.builds.folder import verify
from lab.builds.inputs import check as check_input
from lab.errors import DeviceFull, DeviceLost, LabError
from lab.files import disk_errors
from lab.records import ENDED, MIXED, Run, Trial
from lab.run.bench import SETTLE, Bench, Place, Progress, Watch, boot_of, inputs_of, job_of, trial_name
from lab.run.monitor import monitor_of
from lab.run.pilot import PILOT_ITERATIONS, without_pilot
from lab.run.recovery import PILOT, bring_back, end, full_disk, iterations_in, let_end, tidy
from lab.run.turn import DeviceTurn, turn_of, with_care, with_facts
from lab.scenario.plan import Scenario
from lab.store import Store
from lab.trial import foreign, memory
from lab.trial.agent import Errand, Launch, Outcome, carry_out, collect, launch_for
from lab.trial.folder import BOOT, EVENTS, GATE, JOB, STDERR, TURN, Reading, read_events, read_or_empty
from lab.trial.judge import State, judge, steadiness, until_stopped
from lab.trial.metrics import iterations_of, samples_of

log = logging.getLogger(__name__)

GONE = {InvalidReason.DEVICE_LOST, InvalidReason.DEVICE_REBOOTED}
"""After these nothing that was true of the device need be true still."""

REBOOTS = 3
"""How often a device may reboot while it is made ready, before it is given up; as health.PATIENCE."""


@contextmanager
def session(
    record: Run,
    scenario: Scenario,
    bench: Bench,
    *,
    held: DeviceTurn | None = None,
    watch: Watch = lambda progress: None,
) -> Iterator[Session]:
    """Take the device's turn for a run, and seal the run at the end, however that comes.

    `held` is a turn that is ours already: two runs that are measured in turn share one. Left by Ctrl-C or a
    closed generator the run is marked `interrupted`, as it is when the device stays away; after another error
    it is `failed`. Before that the agent is ended; what was changed on the device is put back with its turn.
    """
    status: Literal["finished", "interrupted", "failed"] = "failed"
    with _turn_of(bench, record) if held is None else nullcontext(held) as turn:
        try:
            verify(bench.build)
            for own in bench.own_inputs.values():
                check_input(own)
            let_end(record, scenario, bench)
            if found := turn.prepare():
                record = with_care(record, found)
                bench.store.update_run(record)
            measuring = Session(record, scenario, bench, turn, watch)
            yield measuring
            measuring.finish()
            status = "finished"
        except (KeyboardInterrupt, GeneratorExit, DeviceLost):
            status = "interrupted"
            raise
        finally:
            try:
                _note_lapsed(bench.store, record, turn)
            finally:  # also when a second Ctrl-C ends that
                _finish(bench.store, record, status)


class Session:
    """One run's turn on its device. `done` are its trials so far by number, those of earlier starts included."""

    def __init__(self, record: Run, scenario: Scenario, bench: Bench, held: DeviceTurn, watch: Watch) -> None:
        self.record, self.scenario, self.bench, self.held = record, scenario, bench, held
        self.done = {trial.number: trial for trial in bench.store.trials(record.id)}
        self._watch = watch
        self._inputs = inputs_of(record.cells, bench)
        self._ready_in: int | None = None  # the lease's fence when it was made ready; after a reboot it is another
        self._boot = ""
        self._looked = False
        self._owed: Callable[[], None] = lambda: None
        self._left: list[str] = []  # on the device, because it was away
        self._monitor = monitor_of(bench, scenario.gates)
        self._iterations: dict[str, int] = {}
        for number in [number for number, trial in self.done.items() if trial.reason is InvalidReason.DEVICE_LOST]:
            end(bench.device, trial_name(record.id, number))

    def measure(self, place: Place, *, first: Trial | None = None) -> Trial:
        """Measure a trial from a known state, save it, and return it.

        One that makes a pair with a `first` trial on this device does not count when that ran in another boot.
        What is on the device already, begun for this place by a lab that is gone, is collected instead. Raises
        `DeviceLost` when the device stays away, `DeviceFull`, and `StoreError` when a trial cannot be saved.
        """
        self.settle_up()
        begins, self._looked = not self._looked, True
        trial = (self._collected(place) if begins else None) or self._measured(place)
        if first is not None and trial.valid and trial.boot and first.boot and trial.boot != first.boot:
            detail = f"the device restarted since the first side of its pair was measured, at {first.started_utc}"
            trial = replace(trial, valid=False, reason=InvalidReason.DEVICE_REBOOTED, detail=detail)
        self._save(trial, place)
        return trial

    def finish(self) -> None:
        """Wait for a device that was lost in the last trial, and remove what was left there meanwhile."""
        self.settle_up()
        for name in self._left:
            tidy(self.bench.device, name)

    def leave(self) -> None:
        """Collect nothing: what a lab that is gone began here is too old to be paired with what comes now."""
        self._looked = True
        name = trial_name(self.record.id, max(self.done, default=0) + 1)
        end(self.bench.device, name)
        tidy(self.bench.device, name)

    def beside(self, trial: Trial) -> None:
        """Take note of another run's trial on this device: it rested until that ended, and may be GONE since."""
        self._monitor.ended()
        if trial.reason in GONE:
            self._ready_in = None

    def settle_up(self) -> None:
        """Do what the trial before left to be done: it was handed out first, so that nobody waits to see it.

        Waits for a device that was lost in it, and takes the lease of one that rebooted anew. Raises `DeviceLost`.
        """
        owed, self._owed = self._owed, lambda: None
        owed()

    def _save(self, trial: Trial, place: Place) -> None:
        device, name = self.bench.device, trial_name(self.record.id, trial.number)
        self._ready_in = None if trial.reason in GONE else self._ready_in
        full = full_disk(device) if trial.reason is InvalidReason.AGENT_DIED else ""
        if full:  # an agent that cannot write cannot say so either
            trial = replace(trial, detail=f"{trial.detail}; {full}")
        self.bench.store.save_trial(self.record.id, trial)
        self.done[trial.number] = trial
        if trial.reason is InvalidReason.DEVICE_LOST or not tidy(device, name):
            self._left.append(name)

        def owed() -> None:
            if full:
                raise DeviceFull(
                    f"{full}; trial {trial.number} could not be written. Free some on it, then run again"
                )
            if trial.reason is InvalidReason.DEVICE_LOST:
                bring_back(device, self.held)
                end(device, name)
            elif trial.reason is InvalidReason.DEVICE_REBOOTED:
                self.held.again()

        self._owed = owed

    # --- before a trial ----------------------------------------------------------------------------------

    def _make_ready(self) -> None:
        """Bring build, inputs and agent to the device, as far as it lacks them, and settle; in one boot."""
        for _ in range(REBOOTS):
            self.bench.present(self.held)
            with_care(self.record, self.held.prepare())  # a reboot undoes some of it
            if not (outcome := self._settle()).rebooted:
                self._ready_in, self._boot = self.held.fence, boot_of(self.bench)
                return
            log.warning("%s; beginning again", outcome.lost)
            self.held.again()
        raise DeviceLost(f"{self.bench.device.identity.name}: rebooted {REBOOTS} times before its first trial")

    def _settle(self) -> Outcome:
        """Run the uncounted first process; if it fails, the trials that follow say why."""
        with self._errand(Place(0, 0, SETTLE)) as (errand, job):
            outcome = carry_out(errand)
        tidy(self.bench.device, job.trial)
        if outcome.returncode != 0:
            log.warning("the settling process of run %s did not end well: %s", self.record.id, outcome)
        return outcome

    def _open_gate(self, place: Place, folder: Path) -> None:
        """Make the device ready and wait until it may be measured; if it goes away meanwhile, start over."""
        for _ in range(REBOOTS):
            if self._ready_in != self.held.fence:
                self._make_ready()
            try:
                return self._monitor.wait(folder)
            except DeviceLost as error:
                log.warning("%s; waiting for the device before trial %d", error, place.number)
                bring_back(self.bench.device, self.held)
                self._ready_in = None
        raise DeviceLost(
            f"{self.bench.device.identity.name}: went away {REBOOTS} times before trial {place.number}"
        )

    # --- a trial -----------------------------------------------------------------------------------------

    def _measured(self, place: Place) -> Trial:
        """Run one fresh agent process behind the gate and judge what it wrote."""
        folder = _clean_folder(self.bench.store, self.record, place.number)
        with disk_errors(f"run trial {place.number} of run {self.record.id}", self.bench.store.root):
            iterations, failed = self._planned(place, folder)
        if failed is not None:
            return self._monitor.judged(failed, folder)
        with self._errand(place, iterations=iterations) as (errand, job):
            started_utc = self.bench.clock.utc()
            if self.bench.device.scratch is not None:
                (folder / TURN).write_text(str(self.held.number))
                (folder / BOOT).write_text(self._boot)
            watch = memory.Watch(errand.transport, errand.clock) if place.purpose == "memory" else None
            seen = errand
            if watch is not None:
                started, told = watch.started(errand.started), watch.iterations(errand.iterations)
                seen = replace(errand, started=started, iterations=told)
            trial = self._trial(place, job, self._monitor.carry_out(seen), started_utc, folder)
            trial = self._monitor.judged(trial, folder)
            return trial if watch is None else self._of_memory(trial, job, watch.looks)

    def _planned(self, place: Place, folder: Path) -> tuple[int | None, Trial | None]:
        """Pass the gate, and say how many iterations a trial has that goes on for a given time; a pilot tells.

        Last, the trial as its pilot failed, if it did: then nobody knows how many. A device that goes away in a
        pilot is waited for and made ready anew.
        """
        device, cell = self.bench.device, place.cell.key
        for _ in range(REBOOTS):
            self._open_gate(place, folder)
            if self.scenario.plan.duration_s is None or place.purpose == "memory":
                return None, None
            if cell in self._iterations:
                return self._iterations[cell], None
            outcome, failed = self._pilot(place)
            if not outcome.lost:
                return self._iterations.get(cell), failed
            log.warning("%s; the pilot of trial %d is begun again", outcome.lost, place.number)
            self._ready_in = None
            if outcome.rebooted:
                self.held.again()
            else:
                bring_back(device, self.held)
            pilot = f"{trial_name(self.record.id, place.number)}{PILOT}"
            end(device, pilot)
            tidy(device, pilot)
        raise DeviceLost(
            f"{device.identity.name}: went away in each of {REBOOTS} pilots of trial {place.number}; look at its "
            "cable, heat and power, then go on with what is missing"
        )

    def _pilot(self, place: Place) -> tuple[Outcome, Trial | None]:
        """Note how many iterations fill `plan.duration_s`, by a few; return also the trial where they failed."""
        started_utc, plan = self.bench.clock.utc(), self.scenario.plan
        with self._errand(place, iterations=PILOT_ITERATIONS, pilot=True) as (errand, job):
            outcome = carry_out(errand)
            if outcome.lost:
                return outcome, None
            found = iterations_of(self._reading(outcome, errand.folder).events)
            longest_s = max((iteration.duration_ns for iteration in found), default=0) / 1e9
            if outcome.returncode == 0 and longest_s > 0:
                wanted = math.ceil((plan.duration_s or 0.0) / longest_s)
                self._iterations[place.cell.key] = max(plan.iterations, wanted)
                failed = None
            else:
                failed = without_pilot(self._trial(place, job, outcome, started_utc, errand.folder))
        tidy(self.bench.device, job.trial)
        return outcome, failed

    def _collected(self, place: Place) -> Trial | None:
        """Return the trial that a lab that is gone had begun on the device; None when there is none.

        On cores that others may use it counts only if nobody took a turn since the one it was begun in.
        """
        bench = self.bench
        if bench.device.scratch is None:
            return None
        left = bench.store.trial_folder(self.record.id, place.number)
        begun_in, gate = read_or_empty(left / TURN).decode() or "None", read_or_empty(left / GATE)
        self._boot = read_or_empty(left / BOOT).decode()
        iterations = iterations_in(left / JOB) if self.scenario.plan.duration_s is not None else None
        _clean_folder(bench.store, self.record, place.number)
        with self._errand(place, iterations=iterations) as (errand, job):
            outcome = collect(errand)
        if outcome is None or not outcome.lost:
            end(bench.device, job.trial)
        if outcome is None:  # what an earlier attempt left must not pass for what the next one writes
            tidy(bench.device, job.trial)
            return None
        log.info("trial %d was on the device already, begun by a lab that is gone", place.number)
        trial = self._trial(place, job, outcome, bench.clock.utc(), errand.folder)
        trial = self._monitor.collected(trial, errand, gate)
        if place.purpose == "memory":
            trial = self._of_memory(trial, job, ())
        number = self.held.number
        if number is not None and begun_in != str(number - 1):
            detail = (
                f"the lab that began it in turn {begun_in} of this machine was gone, and others had turns since"
            )
            detail = "; ".join(filter(None, (detail, trial.detail)))
            return replace(trial, valid=False, reason=InvalidReason.SHARED_HOST, detail=detail)
        return replace(trial, flags=("collected", *trial.flags))

    def _reading(self, outcome: Outcome, folder: Path) -> Reading:
        """Read what an agent wrote, or what a foreign tool printed."""
        if isinstance(self.bench.build.manifest, ForeignManifest):
            foreign.parse(self.bench.build.manifest, self.bench.build, outcome, folder)
        return read_events(read_or_empty(folder / EVENTS))

    def _trial(self, place: Place, job: Job, outcome: Outcome, started_utc: str, folder: Path) -> Trial:
        """Judge what lies in a trial's folder, or in that of its pilot."""
        bench = self.bench
        timed = bench.device.identity.kind != "emulated" and place.purpose == "time"
        reading, ended = self._reading(outcome, folder), False
        heat = self.scenario.gates.throttling == "keep"  # is asked about: what was measured until then, was
        if outcome.stopped and heat and (part := until_stopped(job, reading)) is not None:
            (job, reading), ended = part, True
            outcome = replace(outcome, stopped="", returncode=0)
        findings = judge(
            job,
            outcome,
            reading,
            stderr=read_or_empty(folder / STDERR).decode(errors="replace"),
            manifest=bench.build.manifest,
            inputs=self._inputs,
            timeout_s=self.scenario.plan.timeout_s,
            max_gap=self.scenario.gates.max_gap if timed else 1.0,  # a gap is a time
        )
        flaw = findings.flaw
        if flaw is not None:
            log.warning(
                "trial %d (%s) does not count: %s: %s", place.number, place.cell.key, flaw.reason, flaw.detail
            )
        state: State = "unknown"
        first_steady = 0
        if flaw is None and timed and self.scenario.plan.duration_s is None:  # what lasts need not settle
            state, first_steady = steadiness(job, reading)
        return Trial(
            number=place.number,
            block=place.block,
            cell=place.cell.key,
            valid=flaw is None,
            reason=flaw.reason if flaw else None,
            detail=flaw.detail if flaw else "",
            started_utc=started_utc,
            wall_s=outcome.wall_s,
            samples=samples_of(job, reading.events),
            notes=findings.notes,
            placement=findings.placement,
            flags=(
                *((MIXED,) if "MIXED" in findings.placement.values() else ()),
                *((ENDED,) if ended else ()),
            ),
            boot=self._boot,
            purpose=place.purpose,
            state=state,
            first_steady=first_steady,
        )

    def _of_memory(self, trial: Trial, job: Job, looks: Sequence[memory.Look]) -> Trial:
        """Put the figures of a memory pass in the place of those of time, and say what could not be told."""
        events = read_events(
            read_or_empty(self.bench.store.trial_folder(self.record.id, trial.number) / EVENTS)
        ).events
        found, manifest = memory.figures(events, looks), self.bench.build.manifest
        flags = [*trial.flags, *found.flags]
        if isinstance(manifest, Manifest) and memory.RSS in found.samples:
            doubt = memory.suspicion(found.samples[memory.RSS][0], memory.weights_bytes(job, manifest))
            flags += [f"suspect: {doubt}"] if doubt else []
        return replace(trial, samples=found.samples, flags=tuple(flags))

    @contextmanager
    def _errand(
        self, place: Place, *, iterations: int | None = None, pilot: bool = False
    ) -> Iterator[tuple[Errand, Job]]:
        """Say what is to be carried out for a trial, in its folder; a full disk is told in words."""
        bench, record = self.bench, self.record
        job = job_of(record, place, self.scenario, bench, self._inputs, iterations=iterations)
        total = max(len(record.cells) * (record.blocks + record.memory), place.number)
        with disk_errors(f"run trial {place.number} of run {record.id}", bench.store.root):
            folder = bench.store.trial_folder(record.id, place.number)
            if place.number == 0:
                folder = _clean_folder(bench.store, record, 0)
            if pilot:
                job, folder = job.model_copy(update={"trial": f"{job.trial}{PILOT}"}), folder / "pilot"
                folder.mkdir(exist_ok=True)
            self._watch(Progress(place, total, 0))
            yield (
                Errand(
                    launch=_launch(job, bench, folder),
                    transport=bench.device.transport,
                    folder=folder,
                    timeout_s=self.scenario.plan.timeout_s,
                    clock=bench.clock,
                    look_every_s=bench.device.look_every_s,
                    started=self.held.note,
                    iterations=lambda count: self._watch(Progress(place, total, count)),
                ),
                job,
            )


@contextmanager
def _turn_of(bench: Bench, record: Run) -> Iterator[DeviceTurn]:
    """Hold the device's turn; a run that never got one, and has no trial, is marked interrupted."""
    held = False
    try:
        with turn_of(bench) as taken:
            held = True
            yield taken
    except LabError:
        if not held and not bench.store.trials(record.id):
            _finish(bench.store, record, "interrupted")
        raise


def _launch(job: Job, bench: Bench, folder: Path) -> Launch:
    manifest = bench.build.manifest
    if isinstance(manifest, ForeignManifest):
        return foreign.launch_for(job, manifest, bench.build, bench.device, folder)
    return launch_for(job, bench.device, folder)


def _clean_folder(store: Store, record: Run, number: int) -> Path:
    """Return the trial's empty folder; what an interrupted trial left there is kept under ``interrupted/``."""
    folder = store.trial_folder(record.id, number)
    with disk_errors(f"run trial {number} of run {record.id}", store.root):
        if any(folder.iterdir()):
            aside = folder.parent.parent / "interrupted"
            aside.mkdir(exist_ok=True)
            folder.rename(aside / f"{number:04d}-{len(list(aside.glob(f'{number:04d}-*'))) + 1}")
            folder = store.trial_folder(record.id, number)
    return folder


def _note_lapsed(store: Store, record: Run, held: DeviceTurn) -> None:
    """Write into a run's Context what of care does not hold at its end; a failure is told, and ends nothing."""
    try:
        if found := held.lapsed():
            store.update_run(with_facts(store.run(record.id), found))
    except LabError as error:
        log.warning("what no longer held of run %s could not be written down: %s", record.id, error)


def _finish(store: Store, record: Run, status: Literal["finished", "interrupted", "failed"]) -> None:
    try:
        store.finish_run(record.id, status)
    except LabError as error:
        if status == "finished":
            raise
        log.info("run %s could not be marked %s: %s", record.id, status, error)  # what ended it is told
