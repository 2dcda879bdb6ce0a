"""Recover from a lab or a link that died: bring the device back, collect its trial or clean up after it."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import InvalidReason, Job
from lab.device.cores import Held
from lab.device.transport import Device
from lab.errors import DeviceError, DeviceLost, DeviceRebooted, StoreError
from lab.records import Run, Trial
from lab.run.attempt import Attempts, empty_folder
from lab.run.bench import Bench, trial_name
from lab.run.monitor import FOLDER as SAMPLER
from lab.run.monitor import Blind, Monitor
from lab.scenario.plan import Scenario
from lab.trial.agent import PATIENCE_S, collect, trial_folder
from lab.trial.folder import BOOT, GATE, JOB, TURN, read_or_empty
from lab.trial.job import Place

log = logging.getLogger(__name__)

REASON = "reason.txt"
"""The file that says why a trial was set aside."""

TIDY_S = 20.0
"""How long removing a trial's folder may take; a judgement: it holds a few small files."""

FULL_BYTES = 64 * 1024
"""A disk with less than this free is full: a judgement; it is less than a trial of a second writes."""


def let_end(record: Run, scenario: Scenario, bench: Bench) -> None:
    """Wait for the trial of a run that a lab that died began, and end its settling process and pilot.

    The trial is to be collected, so nothing else may change the device, or run there, before it has ended.
    """
    if bench.device.scratch is None:
        return
    end(bench.device, trial_name(record.id, 0))
    number = max((trial.number for trial in bench.store.trials(record.id)), default=0) + 1
    transport = bench.device.transport
    if process := transport.find(trial_folder(bench.device, trial_name(record.id, number))):
        transport.wait(process, timeout_s=scenario.plan.timeout_s)
    end(bench.device, trial_name(record.id, number, pilot=True))


def collected(attempts: Attempts, place: Place, monitor: Monitor | Blind) -> Trial | None:
    """Return the trial that a lab that died had begun on the device; None if there is none.

    On cores that others may use, it counts only if nobody has taken a turn since the one that it was begun in.
    """
    bench, record = attempts.bench, attempts.record
    if bench.device.scratch is None:
        return None
    left = bench.store.trial_folder(record.id, place.number)
    begun_in, boot, gate = (read_or_empty(left / name) for name in (TURN, BOOT, GATE))
    lasting = attempts.scenario.plan.duration_s is not None
    iterations = _iterations_in(left / JOB) if lasting else None
    empty_folder(bench.store, record.id, place.number)
    attempt = attempts.begin(place, boot=boot.decode(errors="replace"), iterations=iterations)
    outcome = collect(attempt.errand)
    if outcome is None:  # what an earlier attempt left must not pass for what the next one writes
        abandon(bench.device, attempt.job.trial)
        return None
    if not outcome.lost:
        end(bench.device, attempt.job.trial)
    log.info("trial %d was on the device already, begun by a lab that died", place.number)
    try:
        trial = replace(attempt.judged(outcome), started_utc=bench.clock.utc())  # nobody knows when it was
        trial = monitor.collected(trial, attempt.errand, gate)
        if place.purpose == "memory":
            trial = attempt.with_memory(trial, ())
    except (DeviceError, StoreError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on without it
        set_aside(attempts, place, error)
        abandon(bench.device, attempt.job.trial)
        return None
    turn, then = attempts.held.number, begun_in.decode(errors="replace") or "None"
    if turn is None or then == str(turn - 1):
        return replace(trial, flags=("collected", *trial.flags))
    detail = "the lab that began it died, and others may have measured on this machine since"
    detail = "; ".join(filter(None, (detail, trial.detail)))
    return replace(trial, valid=False, reason=InvalidReason.SHARED_HOST, detail=detail)


def set_aside(attempts: Attempts, place: Place, error: Exception) -> None:
    """Move a trial that another lab began, and that cannot be read, to `interrupted`, with the reason."""
    store, run_id = attempts.bench.store, attempts.record.id
    folder = store.trial_folder(run_id, place.number)
    (folder / REASON).write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="replace")
    empty_folder(store, run_id, place.number)
    attempts.bench.tell(
        f"trial {place.number}, begun by a lab that died, cannot be read ({type(error).__name__}: "
        f"{str(error)[:200]}); it is set aside under {folder.parent.parent / 'interrupted'} with its reason, and "
        "measured again"
    )


def bring_back(device: Device, held: Held) -> None:
    """Wait for a device that was lost, and take its lease again if it comes back in another boot.

    Raises `DeviceLost`.
    """
    try:
        device.transport.reconnect(timeout_s=PATIENCE_S)
    except DeviceRebooted:
        held.again()


def abandon(device: Device, trial: str) -> None:
    """End the agent of a trial that is not collected, and remove what it left."""
    end(device, trial)
    tidy(device, trial)


def tidy(device: Device, trial: str) -> bool:
    """Remove a trial's folder on the device, whose files are saved here; return False if the device is away."""
    if device.scratch is None:
        return True
    try:
        device.transport.shell(["rm", "-rf", trial_folder(device, trial)], timeout_s=TIDY_S)
    except DeviceLost as error:
        log.info("%s; %s stays on the device until the run has ended", error, trial)
        return False
    return True


def end(device: Device, trial: str) -> None:
    """End the agent of a trial that was lost: it still runs without us, and would disturb the next one."""
    if device.scratch is None:
        return
    folder = trial_folder(device, trial)
    for place in (folder, f"{folder}/{SAMPLER}"):  # a sampler that still writes would keep its folder in use
        if (process := device.transport.find(place)) is not None:
            device.transport.kill(process)


def full_disk(device: Device) -> str:
    """Return a sentence if a device's disk is full; empty otherwise."""
    if device.scratch is None:
        return ""
    from lab.device.lease import free_bytes  # not loaded for runs on this machine

    free = free_bytes(device)
    if free is None or free >= FULL_BYTES:
        return ""
    return f"{device.identity.name}: no space left on the device: {free:,} bytes free in {device.scratch}"


def _iterations_in(path: Path) -> int | None:
    """Return how many iterations a saved job asks for; None if it cannot be read: then no process matches it."""
    try:
        return Job.model_validate_json(read_or_empty(path)).iterations
    except ValidationError:
        return None
