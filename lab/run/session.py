"""A device's turn for one run: made ready once, then measured trial by trial, each saved before it is handed out.

Before the first trial of every start, a resumed run's too, one agent process opens and closes every graph. It is
not counted: a first process measures the disk (cactus-compute/cactus, pull request 698). Its raw files stay in the
run's folder as trial 0. If a lab that died had begun the first trial on the device, that one is collected. After a
reboot the device is made ready again: lease, push, settings and the uncounted process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from device_agents.contract import InvalidReason
from lab.builds.folder import verify
from lab.builds.inputs import check as check_input
from lab.errors import DeviceFull, DeviceLost, DeviceRebooted, LabError, StoreError
from lab.files import disk_errors
from lab.records import Run, Trial
from lab.run.attempt import Attempts, empty_folder
from lab.run.bench import SETTLE, Bench, Watch, boot_of, inputs_of, trial_name
from lab.run.monitor import monitor_of
from lab.run.pilot import Piloted, Pilots
from lab.run.recovery import abandon, bring_back, collected, end, full_disk, let_end, tidy
from lab.run.turn import DeviceTurn, turn_of, with_care, with_facts, with_lock
from lab.scenario.plan import Scenario
from lab.store import Store
from lab.trial import memory
from lab.trial.agent import Outcome, carry_out
from lab.trial.folder import BOOT, TURN
from lab.trial.job import Place

log = logging.getLogger(__name__)

GONE = {InvalidReason.DEVICE_LOST, InvalidReason.DEVICE_REBOOTED}
"""After a trial with one of these, nothing known of the device before still holds."""

REBOOTS = 3
"""How often a device may reboot or go away before one trial, until it is given up; as many as health.PATIENCE."""

TOLD, TOLD_AGAIN = 3, 10
"""Of a run's trials that are lost for one reason, the first 3 are told, then each tenth: a judgement, since the
progress line and the answer count all of them."""


@contextmanager
def session(
    record: Run,
    scenario: Scenario,
    bench: Bench,
    *,
    held: DeviceTurn | None = None,
    watch: Watch = lambda progress: None,
) -> Iterator[Session]:
    """Take the device's turn for a run, and seal the run at the end, however it ends.

    `held` is a turn that we hold already: two runs that are measured alternately share one. The run is marked
    `interrupted` after Ctrl-C, when its generator is closed, and when the device stays away; `failed` after any
    other error. Before that its agent is ended; the device's settings are put back at the end of its turn.
    """
    status: Literal["finished", "interrupted", "failed"] = "failed"
    with _turn_of(bench, record) if held is None else nullcontext(held) as turn:
        try:
            verify(bench.build)
            for own in bench.own_inputs.values():
                check_input(own)
            let_end(record, scenario, bench)
            found = turn.prepare()
            if (ready := with_lock(with_care(record, found) if found else record, turn)) != record:
                record = ready
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
            finally:  # a second Ctrl-C may end that; the run is sealed all the same
                _finish(bench.store, record, status)


class Session:
    """One run's turn on its device; `done` are its trials so far by number, those of earlier starts included."""

    def __init__(self, record: Run, scenario: Scenario, bench: Bench, held: DeviceTurn, watch: Watch) -> None:
        self.record, self.bench, self.held = record, bench, held
        self.done = {trial.number: trial for trial in bench.store.trials(record.id)}
        self._attempts = Attempts(record, scenario, bench, held, watch, inputs_of(record.cells, bench))
        self._pilots = Pilots(self._attempts)
        self._monitor = monitor_of(bench, scenario.gates)
        self._ready_in: int | None = None  # the lease's fence when it was made ready; a reboot changes it
        self._boot = ""
        self._looked = False  # for a trial that a lab that died had begun
        self._owed: Callable[[], None] = lambda: None
        self._left: list[str] = []  # names of trials whose folders are still on the device
        for number in [number for number, trial in self.done.items() if trial.reason is InvalidReason.DEVICE_LOST]:
            end(bench.device, trial_name(record.id, number))

    def measure(self, place: Place, *, first: Trial | None = None) -> Trial:
        """Measure a trial from a known state, save it, and return it.

        A trial that makes a pair with `first` does not count if that one ran on this device in another boot. The
        first call collects the trial if a lab that died had begun it at this place. Raises `DeviceLost` when the
        device stays away, `DeviceFull`, and `StoreError` when a trial cannot be saved.
        """
        self.settle_up()
        begins, self._looked = not self._looked, True
        with disk_errors(f"run trial {place.number} of run {self.record.id}", self.bench.store.root):
            found = collected(self._attempts, place, self._monitor) if begins else None
            trial = found or self._measured(place)
        if first is not None and trial.valid and trial.boot and first.boot and trial.boot != first.boot:
            detail = f"the device restarted since the first side of its pair was measured, at {first.started_utc}"
            trial = replace(trial, valid=False, reason=InvalidReason.DEVICE_REBOOTED, detail=detail)
        return self._saved(trial)

    def finish(self) -> None:
        """Wait for a device that was lost in the last trial, and remove what is still there of earlier ones."""
        self.settle_up()
        for name in self._left:
            tidy(self.bench.device, name)

    def leave(self) -> None:
        """Collect nothing: what a lab that died began here is too old to be paired with what is measured now."""
        self._looked = True
        abandon(self.bench.device, trial_name(self.record.id, max(self.done, default=0) + 1))

    def beside(self, trial: Trial) -> None:
        """Note that another run's trial on this device has just ended, and may have left it GONE."""
        self._monitor.ended()
        if trial.reason in GONE:
            self._ready_in = None

    def settle_up(self) -> None:
        """Do what the trial before left to do: it was handed out first, so that nobody had to wait for it.

        Waits for a device that was lost, and takes the lease again of one that rebooted. Raises `DeviceLost`, and
        `DeviceFull` if the trial's agent died of a full disk.
        """
        owed, self._owed = self._owed, lambda: None
        owed()

    # --- before a trial ----------------------------------------------------------------------------------

    def _get_ready(self, place: Place, folder: Path) -> Piloted:
        """Make the device ready, wait at the gate, and run a pilot if need be; start over if it goes away."""
        device = self.bench.device
        for _ in range(REBOOTS):
            if self._ready_in != self.held.fence:
                self._make_ready()
            try:
                self._monitor.wait(folder)
                return self._pilots.before(place, self._boot)
            except DeviceLost as error:
                log.warning("%s; waiting for the device before trial %d", error, place.number)
                self._ready_in = None
                if isinstance(error, DeviceRebooted):  # it is back already
                    self.held.again()
                else:
                    bring_back(device, self.held)
                abandon(device, trial_name(self.record.id, place.number, pilot=True))
        raise DeviceLost(
            f"{device.identity.name}: went away {REBOOTS} times before trial {place.number}, at its gate or in "
            "its pilot; look at its cable, heat and power, then resume the run (--resume)"
        )

    def _make_ready(self) -> None:
        """Bring build, inputs and agent to the device, prepare its settings and let it settle, in one boot."""
        for _ in range(REBOOTS):
            self.bench.present(self.held)
            with_care(self.record, self.held.prepare())  # a reboot undoes some of it
            if not (outcome := self._settle()).rebooted:
                self._ready_in, self._boot = self.held.fence, boot_of(self.bench)
                return
            log.warning("%s; making it ready again", outcome.lost)
            self.held.again()
        raise DeviceLost(f"{self.bench.device.identity.name}: rebooted {REBOOTS} times before its first trial")

    def _settle(self) -> Outcome:
        """Run the uncounted first process; if it fails, the trials that follow say why."""
        empty_folder(self.bench.store, self.record.id, 0)
        attempt = self._attempts.begin(Place(0, 0, SETTLE))
        outcome = carry_out(attempt.errand)
        tidy(self.bench.device, attempt.job.trial)
        if outcome.returncode != 0:
            how = outcome.lost or outcome.unreadable or f"status {outcome.returncode}"
            printed = self.bench.store.trials_folder(self.record.id) / "0000"
            words = "the uncounted first process of run %s did not end well (%s); what it printed lies in %s"
            log.warning(words, self.record.id, how, printed)
        return outcome

    # --- a trial -----------------------------------------------------------------------------------------

    def _measured(self, place: Place) -> Trial:
        """Run one fresh agent process behind the gate, and judge what it wrote."""
        folder = empty_folder(self.bench.store, self.record.id, place.number)
        piloted = self._get_ready(place, folder)
        if piloted.failed is not None:
            return self._monitor.judged(piloted.failed, folder)
        attempt = self._attempts.begin(place, boot=self._boot, iterations=piloted.iterations)
        if self.bench.device.scratch is not None:  # for whoever collects it should we die
            (folder / TURN).write_text(str(self.held.number))
            (folder / BOOT).write_text(self._boot)
        errand = attempt.errand
        if place.purpose == "time":
            return self._monitor.judged(attempt.judged(self._monitor.carry_out(errand)), folder)
        looks = memory.Watch(errand.transport, errand.clock)
        errand = replace(
            errand, started=looks.started(errand.started), iterations=looks.iterations(errand.iterations)
        )
        trial = self._monitor.judged(attempt.judged(self._monitor.carry_out(errand)), folder)
        return attempt.with_memory(trial, looks.looks)

    def _saved(self, trial: Trial) -> Trial:
        """Save a trial, and note what is owed to its device: :meth:`settle_up` does that later."""
        device, name = self.bench.device, trial_name(self.record.id, trial.number)
        if trial.reason in GONE:
            self._ready_in = None
        full = full_disk(device) if trial.reason is InvalidReason.AGENT_DIED else ""
        if full:  # an agent that cannot write cannot report that either
            trial = replace(trial, detail=f"{trial.detail}; {full}")
        self.bench.store.save_trial(self.record.id, trial)
        self.done[trial.number] = trial
        lost = sum(not each.valid and each.reason is trial.reason for each in self.done.values())
        _warn(self.bench.store, self.record, trial, lost)
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
        return trial


def _warn(store: Store, record: Run, trial: Trial, lost: int) -> None:
    """Say that a trial does not count, the `lost`-th of its run for that reason; of many, only some are told."""
    if trial.valid or (lost > TOLD and lost % TOLD_AGAIN):
        return
    log.warning(
        "%s on %s%s: trial %d (%s) does not count: %s: %s%s",
        *(
            record.scenario,
            record.device,
            _side(store, record),
            trial.number,
            trial.cell,
            trial.reason,
            trial.detail,
        ),
        f" ({lost} of this run so far)" if lost > 1 else "",
    )


def _side(store: Store, record: Run) -> str:
    """Return which side of its comparison a run is, with its build; empty for a run of its own."""
    if record.comparison is None:
        return ""
    name = ""
    with suppress(StoreError):
        name = "A" if store.comparison(record.comparison).baseline_run == record.id else "B"
    slowed = "" if record.inject is None else f", {record.inject.stage} slowed"
    return f", side {name} ({record.build_line} {record.build[:8]}{slowed})"


# --- opening and sealing a run ---------------------------------------------------------------------------


@contextmanager
def _turn_of(bench: Bench, record: Run) -> Iterator[DeviceTurn]:
    """Hold the device's turn; a run that never got one, and has no trial, is marked interrupted."""
    held = False
    try:
        with turn_of(bench) as turn:
            held = True
            yield turn
    except LabError:
        if not held and not bench.store.trials(record.id):
            _finish(bench.store, record, "interrupted")
        raise


def _note_lapsed(store: Store, record: Run, turn: DeviceTurn) -> None:
    """Write into the run's Context which settings no longer hold at its end; a failure is only logged."""
    try:
        if found := turn.lapsed():
            store.update_run(with_facts(store.run(record.id), found))
    except LabError as error:
        log.warning("the settings that lapsed in run %s could not be saved: %s", record.id, error)


def _finish(store: Store, record: Run, status: Literal["finished", "interrupted", "failed"]) -> None:
    try:
        store.finish_run(record.id, status)
    except LabError as error:
        if status == "finished":
            raise
        log.info("run %s could not be marked %s: %s", record.id, status, error)  # its own error follows
