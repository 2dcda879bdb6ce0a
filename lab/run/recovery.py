"""What a trial leaves on its device when its lab or the link is gone: ended, waited for, removed."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import Job
from lab.device.cores import Held
from lab.device.transport import Device
from lab.errors import DeviceLost, DeviceRebooted
from lab.records import Run
from lab.run.bench import Bench, trial_name
from lab.run.monitor import FOLDER as SAMPLER
from lab.scenario.plan import Scenario
from lab.trial.agent import PATIENCE_S, trial_folder
from lab.trial.folder import read_or_empty

log = logging.getLogger(__name__)

TIDY_S = 20.0
"""How long removing a trial's folder may take; a judgement: it holds a few small files."""

FULL_BYTES = 64 * 1024
"""With less than this free a disk is full: a judgement, it is less than a trial of a second writes."""

PILOT = "-pilot"
"""What the name of a pilot ends in, after its trial's."""


def let_end(record: Run, scenario: Scenario, bench: Bench) -> None:
    """Wait for the trial that a lab which is gone began for a run, and end what it began that does not count.

    The trial is to be collected: neither may the device be changed under it, nor another run beside it.
    """
    if bench.device.scratch is None:
        return
    end(bench.device, trial_name(record.id, 0))
    number = max((trial.number for trial in bench.store.trials(record.id)), default=0) + 1
    transport = bench.device.transport
    if process := transport.find(trial_folder(bench.device, trial_name(record.id, number))):
        transport.wait(process, timeout_s=scenario.plan.timeout_s)
    end(bench.device, f"{trial_name(record.id, number)}{PILOT}")


def bring_back(device: Device, held: Held) -> None:
    """Wait for a device that was lost; it may come back in another boot. Raises `DeviceLost`."""
    try:
        device.transport.reconnect(timeout_s=PATIENCE_S)
    except DeviceRebooted:
        held.again()


def tidy(device: Device, trial: str) -> bool:
    """Remove what a trial left on the device, as it is saved here; say whether that could be done."""
    if device.scratch is None:
        return True
    try:
        device.transport.shell(["rm", "-rf", trial_folder(device, trial)], timeout_s=TIDY_S)
    except DeviceLost as error:
        log.info("%s; %s stays on the device until the run has ended", error, trial)
        return False
    return True


def end(device: Device, trial: str) -> None:
    """End the agent of a trial that was lost: it went on without us, and would run beside the next one."""
    if device.scratch is None:
        return
    folder = trial_folder(device, trial)
    for place in (folder, f"{folder}/{SAMPLER}"):  # a sampler that still writes would keep the folder from going
        if (process := device.transport.find(place)) is not None:
            device.transport.kill(process)


def full_disk(device: Device) -> str:
    """Say that a device's disk is full, if it is; empty otherwise."""
    if device.scratch is None:
        return ""
    from lab.device.lease import free_bytes  # not loaded for runs on this machine

    free = free_bytes(device)
    if free is None or free >= FULL_BYTES:
        return ""
    return f"{device.identity.name}: no space left on the device: {free:,} bytes free in {device.scratch}"


def iterations_in(path: Path) -> int | None:
    """Return how many iterations a job that is kept asks for; None where it cannot be read: it matches none."""
    try:
        return Job.model_validate_json(read_or_empty(path)).iterations
    except ValidationError:
        return None
