"""Monitor a trial through the device's sensors: wait at the gate before, sample during, judge after."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from device_agents.contract import InvalidReason
from lab.device.transport import Process
from lab.device.vitals.lines import read, vitals_of, write
from lab.device.vitals.look import MOST_BYTES
from lab.device.vitals.meaning import LEAP_S
from lab.errors import DeviceError, DeviceLost, DeviceRebooted, StoreError
from lab.files import disk_errors
from lab.gate import idle, throttle, wait
from lab.gate.clocks import Offered
from lab.records import ELSEWHERE, IDLE_UNKNOWN, UNSAMPLED, Flaw, Trial, Vitals
from lab.run.bench import Bench, Senses
from lab.scenario.plan import Gates
from lab.trial.agent import SPARE_S, Errand, Outcome, carry_out
from lab.trial.folder import AFTER, EVENTS, GATE, VITALS, read_events, read_or_empty
from lab.trial.placement import ELSEWHERE_CORES, others_rose

log = logging.getLogger(__name__)

FOLDER = "vitals"
"""Where the sampler works: in the trial's folder on the device."""


def monitor_of(bench: Bench, gates: Gates) -> Monitor | Blind:
    """Return a session's monitor: blind without sensors, and on emulated devices, which are never timed."""
    if bench.senses is None or bench.device.identity.kind == "emulated":
        return Blind()
    return Monitor(bench, bench.senses, gates)


class Blind:
    """The monitor of a device whose sensors nobody reads: waits for nothing, and adds nothing to a trial."""

    def wait(self, folder: Path) -> None:
        """Let the trial begin at once."""

    def carry_out(self, errand: Errand) -> Outcome:
        """Carry an errand out, with no sampler beside it."""
        return carry_out(errand)

    def judged(self, trial: Trial, folder: Path) -> Trial:
        """Return the trial as it is."""
        return trial

    def collected(self, trial: Trial, errand: Errand, gate: bytes) -> Trial:
        """Return the trial as it is."""
        return trial

    def ended(self) -> None:
        """Remember nothing: no trial has to rest."""


class Monitor:
    """The sensors of one device through one session.

    A trial passes `wait`, `carry_out` and `judged`, in this order; each remembers for the next what it found. From
    trial to trial it remembers how long the run may still wait for other programs, and when the last trial ended.
    """

    def __init__(self, bench: Bench, senses: Senses, wanted: Gates) -> None:
        self._bench, self._senses, self._wanted = bench, senses, wanted
        self._load_left_s = wanted.load_wait_s
        self._ended_s: float | None = None
        self._begun = False
        self._offered = Offered(bench.profile or "observe")
        self._opened: wait.Opened | None = None  # None: a lab that died passed the gate and left no look
        self._rest: Vitals | None = None  # the look that opened the gate, a measure of rest once the trial is over
        self._after: Vitals | None = None
        self._unsampled = False

    def wait(self, folder: Path) -> None:
        """Wait until the device may be measured; every look goes to `folder`. Raises as `gate.wait.wait` does."""
        bench, wanted, name = self._bench, self._wanted, self._bench.device.identity.name
        if wanted.start == "first trial" and self._begun:
            wanted = wanted.model_copy(update={"start": "never"})
        path = folder / GATE
        path.unlink(missing_ok=True)

        def record(look: Vitals) -> None:
            with path.open("a", encoding="utf-8") as file:
                file.write(write(look))

        opened = wait.wait(
            bench.device,
            wanted,
            idle=self._known(),
            look=self._senses.look,
            clock=bench.clock,
            sleep=bench.sleep,
            load_left_s=self._load_left_s,
            tell=lambda words: bench.tell(f"{name}: {words}"),
            record=record,
            rested_s=0.0 if self._ended_s is None else bench.clock.monotonic() - self._ended_s,
            offered=self._offered,
        )
        self._opened, self._after, self._unsampled = opened, None, False
        self._rest = opened.vitals if not opened.timed_out and wanted.start != "never" else None
        self._load_left_s -= opened.load_waited_s

    def carry_out(self, errand: Errand) -> Outcome:
        """Carry an errand out beside the sampler, then look once more where Android's services can be asked.

        A trial whose sensors cannot be sampled still counts, flagged as unsampled. If the device restarts before
        its samples are fetched, the trial is lost: it did not end in the state in which it began.
        """
        device, folder = self._bench.device, f"{errand.launch.folder}/{FOLDER}"
        sampler, path = self._sampler(folder, errand.timeout_s), errand.folder / VITALS
        try:
            outcome = carry_out(errand if sampler is None else replace(errand, heed=self._heed(folder)))
        except BaseException:
            self._fetched(sampler, folder, path, 0.0)
            raise
        finally:
            self._begun = True
            self.ended()
        try:
            fetched = self._fetched(sampler, folder, path, 0.0 if outcome.lost else errand.patience_s)
        except DeviceRebooted as error:
            self._unsampled = True
            why = f"it restarted after the trial, before its sensors' samples were fetched: {error}"
            return replace(outcome, lost=why, rebooted=True)
        self._unsampled = not fetched or (outcome.wall_s >= LEAP_S and not _sampled(path))
        if device.scratch is not None and not outcome.lost:
            try:
                self._after = self._senses.look(device)
            except DeviceError as error:
                log.info("%s: its sensors could not be read after the trial: %s", device.identity.name, error)
        return outcome

    def _sampler(self, folder: str, timeout_s: float) -> Process | None:
        """Begin the sampler; None if that fails: the agent's own start says what is wrong with the device."""
        device = self._bench.device
        try:
            return self._senses.begin(device, folder, math.ceil(timeout_s + SPARE_S))
        except DeviceError as error:
            log.warning("%s: its sensors are not sampled: %s", device.identity.name, error)
            return None

    def _fetched(self, sampler: Process | None, folder: str, target: Path, patience_s: float) -> bool:
        """End the sampler and fetch its samples, reconnecting once if the link breaks; False if that failed.

        Raises `DeviceRebooted`.
        """
        device = self._bench.device
        if sampler is None:
            return False
        for wait_s in (patience_s, 0.0):
            try:
                self._senses.end(device, sampler, folder, target)
                return True
            except DeviceError as error:
                if target.is_file() and target.stat().st_size:  # its folder is removed with the trial's
                    return True
                log.warning("%s: its sensors' samples stay on the device: %s", device.identity.name, error)
                if not wait_s or not isinstance(error, DeviceLost):
                    return False
            try:
                device.transport.reconnect(timeout_s=wait_s)
            except DeviceRebooted:
                raise
            except DeviceError as error:
                log.warning("%s", error)
                return False
        return False

    def ended(self) -> None:
        """Note that a trial, of this run or another, has just ended: from now on the device rests."""
        self._ended_s = self._bench.clock.monotonic()

    def _heed(self, folder: str) -> Callable[[], str]:
        """Return a function that says why the running trial must end now, by the sampler's last whole line."""
        transport, offset = self._bench.device.transport, 0

        def heed() -> str:
            nonlocal offset
            text = transport.follow(f"{folder}/{VITALS}", offset).decode(errors="replace")
            offset += len(text[: text.rfind("\n") + 1].encode())
            try:
                last = vitals_of("".join(f"{line}\n" for line in text.split("\n")[-2:-1]), folder)
            except StoreError as error:  # reported when the trial is judged; a damaged line ends no trial
                log.debug("%s", error)
                return ""
            return throttle.abort(last[-1], self._wanted) if last else ""

        return heed

    def judged(self, trial: Trial, folder: Path) -> Trial:
        """Add to a trial what its gate and its sensors showed, which may make it invalid."""
        if self._rest is not None:
            idle.remember(self._bench.store.root, self._bench.device.identity.name, self._rest)
            self._rest = None
        opened = self._opened
        at_gate = () if opened is None else opened.flags
        trial = replace(trial, flags=(*trial.flags, *at_gate, *([UNSAMPLED] if self._unsampled else [])))
        if opened is None:
            return trial
        during = _sampled(folder / VITALS)
        if self._after is not None:
            with disk_errors("keep the look after a trial", folder):
                (folder / AFTER).write_text(write(self._after), encoding="utf-8")
        flaw = throttle.throttled(opened.vitals, during, self._after, self._wanted, self._offered)
        if opened.timed_out:
            flaw = Flaw(InvalidReason.GATE_TIMEOUT, opened.timed_out)
        trial = replace(trial, notes={**trial.notes, "gate_waited_s": opened.waited_s})
        trial = _placed(trial, opened.vitals, during, folder)
        if flaw is None or not (trial.valid or trial.reason is InvalidReason.SPAN_GAP):
            return trial  # a phone without CPU time leaves gaps: then heat is the reason
        return replace(trial, valid=False, reason=flaw.reason, detail=flaw.detail)

    def collected(self, trial: Trial, errand: Errand, gate: bytes) -> Trial:
        """Judge a trial that another lab began: by its looks at the `gate`, and by the samples taken since."""
        device, folder = self._bench.device, errand.folder
        try:
            source = f"{errand.launch.folder}/{FOLDER}/{VITALS}"
            device.transport.pull(source, folder / VITALS, most=MOST_BYTES)
        except DeviceError as error:
            log.warning("%s: its sensors' samples stay on the device: %s", device.identity.name, error)
        self._begun = True
        self.ended()
        with disk_errors("collect a trial's vitals", folder):
            (folder / GATE).write_bytes(gate)
        self._opened, self._after, self._unsampled = None, None, not _sampled(folder / VITALS)
        if looks := _sampled(folder / GATE):
            self._opened = wait.passed(looks, self._wanted, self._known(), device, self._offered)
            if IDLE_UNKNOWN in self._opened.flags and not self._opened.timed_out:
                self._rest = self._opened.vitals
        return self.judged(trial, folder)

    def _known(self) -> idle.Idle | None:
        """Return how cool the device is at rest, if that is known."""
        return idle.remembered(self._bench.store.root, self._bench.device.identity.name)


def _placed(trial: Trial, before: Vitals, during: Sequence[Vitals], folder: Path) -> Trial:
    """Withdraw the claim that an accelerator did the work if other processes used about a core more meanwhile."""
    if "NPU" not in trial.placement.values():
        return trial
    rose = others_rose(before, during, read_events(read_or_empty(folder / EVENTS)).events)
    if rose is None:
        return trial
    trial = replace(trial, notes={**trial.notes, "others_rose_cores": rose})
    if rose < ELSEWHERE_CORES:
        return trial
    known = {stage: "UNKNOWN" if where == "NPU" else where for stage, where in trial.placement.items()}
    return replace(trial, placement=known, flags=(*trial.flags, ELSEWHERE))


def _sampled(path: Path) -> tuple[Vitals, ...]:
    """Return the vitals in a file; none from a missing or damaged one, which does not invalidate the trial."""
    try:
        return read(path) if path.is_file() else ()
    except StoreError as error:
        log.warning("%s", error)
        return ()
