"""A trial between its gate and a last look: waited for, sampled while it runs, judged by what sensors said."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from device_agents.contract import InvalidReason
from lab import gates, throttle
from lab.agent import Errand, Outcome, carry_out
from lab.bench import Bench, Senses
from lab.device import idle
from lab.device.vitals_lines import read, vitals_of, write
from lab.errors import DeviceError, StoreError
from lab.files import disk_errors
from lab.flaws import Flaw
from lab.records import Trial, Vitals
from lab.scenario import Gates

log = logging.getLogger(__name__)

GATE, VITALS = "gate.jsonl", "vitals.jsonl"
"""What the device's sensors said before a trial, the last line when it was let begin; and during it."""

FOLDER = "vitals"
"""Where the sampler works: in the trial's folder on the device."""


SPARE_S = 60.0
"""How long a sampler whose lab died lives on after the trial's time is over; a judgement."""


class Sensing:
    """The sensors of one device through one session: what it may still wait, and when its last trial ended."""

    def __init__(self, bench: Bench, senses: Senses, wanted: Gates) -> None:
        self._bench, self._senses, self._wanted = bench, senses, wanted
        self._load_left_s = wanted.load_wait_s
        self._ended_s: float | None = None
        self._begun = False

    def wait(self, folder: Path) -> gates.Opened:
        """Wait until the device may be measured; every look goes to `folder`. Raises as `gates.wait` does."""
        bench, wanted, name = self._bench, self._wanted, self._bench.device.identity.name
        if wanted.start == "first trial" and self._begun:
            wanted = replace(wanted, start="never")
        path = folder / GATE
        path.unlink(missing_ok=True)

        def record(look: Vitals) -> None:
            with path.open("a", encoding="utf-8") as file:
                file.write(write(look))

        opened = gates.wait(
            bench.device,
            wanted,
            idle=idle.remembered(bench.store.root, name),
            look=self._senses.look,
            clock=bench.clock,
            sleep=bench.sleep,
            load_left_s=self._load_left_s,
            tell=lambda words: bench.tell(f"{name}: {words}"),
            record=record,
            rested_s=0.0 if self._ended_s is None else bench.clock.monotonic() - self._ended_s,
        )
        if not opened.timed_out and wanted.start != "never":
            idle.remember(bench.store.root, name, opened.vitals)
        self._load_left_s -= opened.load_waited_s
        return opened

    def carry_out(self, errand: Errand) -> tuple[Outcome, Vitals | None]:
        """Carry an errand out beside the sampler; return also a last look, where Android's services can be asked.

        Sensors that cannot be sampled cost no trial: what they would have said is then missing.
        """
        device, folder = self._bench.device, f"{errand.launch.folder}/{FOLDER}"
        try:
            sampler = self._senses.begin(device, folder, math.ceil(errand.timeout_s + SPARE_S))
        except DeviceError as error:  # the agent's own start will say what is wrong with the device
            log.info("%s: its sensors are not sampled: %s", device.identity.name, error)
            return carry_out(errand), None
        try:
            outcome = carry_out(replace(errand, heed=self._heed(folder)))
        finally:
            try:
                self._senses.end(device, sampler, folder, errand.folder / VITALS)
            except DeviceError as error:
                log.info("%s: its sensors' samples stay on the device: %s", device.identity.name, error)
            self._begun = True
            self.ended()
        if device.scratch is None or outcome.lost:
            return outcome, None
        try:
            return outcome, self._senses.look(device)
        except DeviceError as error:
            log.info("%s: not looked at after the trial: %s", device.identity.name, error)
            return outcome, None

    def ended(self) -> None:
        """Take note that a trial, of this run or of another, has just ended: the device rests from now on."""
        self._ended_s = self._bench.clock.monotonic()

    def _heed(self, folder: str) -> Callable[[], str]:
        """Return what says why the running trial must be ended now, by the sampler's last whole line."""
        transport, offset = self._bench.device.transport, 0

        def heed() -> str:
            nonlocal offset
            text = transport.follow(f"{folder}/{VITALS}", offset).decode(errors="replace")
            offset += len(text[: text.rfind("\n") + 1].encode())
            try:
                last = vitals_of("".join(f"{line}\n" for line in text.split("\n")[-2:-1]), folder)
            except StoreError as error:  # told when the trial is judged: what cannot be read ends none
                log.debug("%s", error)
                return ""
            return throttle.abort(last[-1], self._wanted) if last else ""

        return heed

    def judged(self, trial: Trial, opened: gates.Opened, after: Vitals | None, folder: Path) -> Trial:
        """Add to a trial what its gate and its sensors say; one that counted may count no longer."""
        during = _sampled(folder / VITALS)
        profile = self._bench.profile or "observe"
        flaw = throttle.throttled(opened.vitals, during, after, self._wanted, profile)
        if opened.timed_out:
            flaw = Flaw(InvalidReason.GATE_TIMEOUT, opened.timed_out)
        flags = (*trial.flags, *opened.flags)
        trial = replace(trial, flags=flags, notes={**trial.notes, "gate_waited_s": opened.waited_s})
        if flaw is None or not (trial.valid or trial.reason is InvalidReason.SPAN_GAP):
            return trial  # a gap is what a phone without CPU time leaves: then heat is the reason
        log.warning("trial %d (%s) does not count: %s: %s", trial.number, trial.cell, flaw.reason, flaw.detail)
        return replace(trial, valid=False, reason=flaw.reason, detail=flaw.detail)

    def collected(self, trial: Trial, errand: Errand, gate: bytes) -> Trial:
        """Judge a trial that a lab which is gone began: by its looks at the `gate`, and what was sampled since."""
        device, folder = self._bench.device, errand.folder
        try:
            device.transport.pull(f"{errand.launch.folder}/{FOLDER}/{VITALS}", folder / VITALS)
        except DeviceError as error:
            log.info("%s: its sensors' samples stay on the device: %s", device.identity.name, error)
        self._begun = True
        self.ended()
        with disk_errors("collect a trial's vitals", folder):
            (folder / GATE).write_bytes(gate)
        looks = _sampled(folder / GATE)
        if not looks:
            return trial
        known = idle.remembered(self._bench.store.root, device.identity.name)
        timed_out = gates.too_warm(looks, self._wanted, known, device)
        waited_s = looks[-1].boot_s - looks[0].boot_s
        return self.judged(trial, gates.Opened(waited_s, 0.0, (), timed_out, looks[-1]), None, folder)


def _sampled(path: Path) -> tuple[Vitals, ...]:
    """Return what a file of vitals says; one that is damaged says nothing, and costs no trial."""
    try:
        return read(path) if path.is_file() else ()
    except StoreError as error:
        log.warning("%s", error)
        return ()
