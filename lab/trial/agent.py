"""Start an agent on a device, follow it to its end, and bring its files back."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from device_agents.contract import Job, canonical_json
from lab.device.transport import Clock, Device, Process, Transport
from lab.errors import DeviceError, DeviceLost, DeviceRebooted, WrongFile
from lab.trial.folder import EVENTS, JOB, STDERR, STDOUT
from lab.trial.limits import PRINTED_BYTES

QUIET: Mapping[str, str] = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would otherwise report its use
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
}
"""Environment of every agent: threads belong to the units that a job names, not to libraries."""

LOOK_EVERY_S = 0.25
"""How often the lab reads new events while an agent runs; on the host it shares the agent's cores."""

HEED_EVERY_S = 5.0
"""How often the lab checks whether a trial may go on: as often as a gate looks (methodology.md section 4)."""

PATIENCE_S = 180.0
"""How long the lab waits at least for a device that went away; a judgement: a phone is up a minute or two after
its reboot began, and its shell answers some time before the framework does."""

SPARE_S = 60.0
"""How long an agent, or the sampler beside it, may outlive the trial's time limit when nobody ends it; a
judgement: the lab itself ends it at the limit."""

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

_ITERATION = re.compile(rb'"event":\s*"iteration"')


@dataclass(frozen=True)
class Launch:
    """One start of a program on a device: our agent, or a foreign tool.

    `files` (name -> content) go into `folder`, `argv` runs there, and the files `outputs` come back.
    """

    folder: str
    files: Mapping[str, bytes]
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How the process ended: `returncode` is None when the lab ended it or lost the device.

    `stopped` says why the lab ended it before its time limit, `unreadable` why what it wrote cannot be used: more
    than its job can make, or no file at all. `lost` says how the device was lost; `rebooted`
    means that it came back in another boot. Unless `whole`, another lab began the process, and `wall_s` is only a
    part of its time.
    """

    returncode: int | None
    timed_out: bool
    lost: str
    wall_s: float
    rebooted: bool = False
    stopped: str = ""
    whole: bool = True
    unreadable: str = ""


def launch_for(job: Job, device: Device, folder: Path) -> Launch:
    """Return how to start our own agent for a job whose results belong in `folder` on the host."""
    place = str(folder) if device.scratch is None else trial_folder(device, job.trial)
    return Launch(
        folder=place,
        files={JOB: canonical_json(job) + b"\n"},
        argv=(*device.agent, "run", "--job", JOB, "--events", EVENTS),
        environment={**device.environment, **QUIET},
        outputs=(EVENTS, STDOUT, STDERR),
    )


def trial_folder(device: Device, trial: str) -> str:
    """Return where a trial's files are on a device that has a scratch folder."""
    return posixpath.join(device.scratch or "", "trials", trial)


@dataclass(frozen=True)
class Errand:
    """A launch to be carried out on a device within `timeout_s`; its outputs go to `folder`.

    Calls `started` with the process that runs (None: no longer), `iterations` with how many it has finished, and
    `arrived` with the bytes of its events as they come in: all but those of its last moments.
    `patience_s` is how long to wait at least for a device that went away. `events_most` is how many bytes of
    events the launch's job can make (`lab.trial.limits`): an agent that writes more is ended. `heed`, called every
    HEED_EVERY_S, says why the process must end now, or returns nothing.
    """

    launch: Launch
    transport: Transport
    folder: Path
    timeout_s: float
    clock: Clock
    look_every_s: float = LOOK_EVERY_S
    patience_s: float = PATIENCE_S
    events_most: int = PRINTED_BYTES
    started: Callable[[Process | None], None] = lambda process: None
    iterations: Callable[[int], None] = lambda count: None
    arrived: Callable[[bytes], None] = lambda new: None
    heed: Callable[[], str] = lambda: ""


def carry_out(errand: Errand) -> Outcome:
    """Run a launch to its end, leaving its files and outputs in the errand's folder.

    Ends the process group at the time limit, and whenever an exception leaves this function. Waits for a link that
    breaks. A device that is lost for good is an outcome, not an exception: the trial is kept as invalid.
    """
    begin = errand.clock.monotonic()
    patiently = _Patience(errand, begin + errand.timeout_s)
    try:
        return _seen_through(errand, patiently, _begun(errand, patiently), begin)
    except DeviceLost as error:
        return _lost(error, errand.clock.monotonic() - begin)


def collect(errand: Errand) -> Outcome | None:
    """Follow to its end the process that a lab that died began for the same launch; None if there is none.

    The agent does not need the lab while it runs: what it wrote meanwhile is as good as if it had been followed.
    """
    begin = errand.clock.monotonic()
    patiently = _Patience(errand, begin + errand.timeout_s)
    try:
        process = _found(errand, patiently)
        if process is None:
            return None
        return replace(_seen_through(errand, patiently, process, begin), whole=False)
    except DeviceLost as error:
        return _lost(error, errand.clock.monotonic() - begin)


def _lost(error: DeviceLost, wall_s: float) -> Outcome:
    rebooted = isinstance(error, DeviceRebooted)
    return Outcome(None, timed_out=False, lost=str(error), wall_s=wall_s, rebooted=rebooted)


@dataclass(frozen=True)
class _Patience:
    """Calls over a link that may break: the agent does not need it."""

    errand: Errand
    deadline: float

    def __call__(self, call: Callable[[], Answer]) -> Answer:
        """Return the answer of `call`, repeating it whenever the device is back.

        Raises `DeviceLost` when the device stays away, `DeviceRebooted` when it is back without the agent.
        """
        while True:
            try:
                return call()
            except DeviceRebooted:
                raise
            except DeviceLost as error:
                left = self.deadline - self.errand.clock.monotonic()
                if left < -self.errand.patience_s:  # a link that breaks at each call
                    raise
                log.warning("%s; waiting for the device, its agent goes on meanwhile", error)
                _reconnect(self.errand.transport, error, max(left, self.errand.patience_s))


def _reconnect(transport: Transport, why: DeviceLost, timeout_s: float) -> None:
    """Wait for a device; an error says both how it was lost and what became of it."""
    try:
        transport.reconnect(timeout_s=timeout_s)
    except DeviceLost as error:
        raise type(error)(f"{why}; {error}") from why


def _begun(errand: Errand, patiently: _Patience) -> Process:
    """Place the files and start the process once: if the link breaks meanwhile, look whether it runs."""
    launch, transport = errand.launch, errand.transport
    for name, content in launch.files.items():
        place = posixpath.join(launch.folder, name)
        patiently(partial(transport.push, content, place))
        if place != str(errand.folder / name):
            (errand.folder / name).write_bytes(content)
    start = partial(
        transport.start,
        launch.argv,
        environment=launch.environment,
        folder=launch.folder,
        stdout=posixpath.join(launch.folder, STDOUT),
        stderr=posixpath.join(launch.folder, STDERR),
        limit_s=errand.timeout_s + SPARE_S,
        file_bytes=max(errand.events_most, PRINTED_BYTES) + 1,  # one more shows that it wanted to write more
    )
    try:
        return start()
    except DeviceRebooted:
        raise
    except DeviceLost as error:
        _reconnect(transport, error, errand.patience_s)
        return patiently(partial(transport.find, launch.folder)) or start()


def _found(errand: Errand, patiently: _Patience) -> Process | None:
    """Return the process that another lab started for the very same files; None when there is none."""
    transport, launch = errand.transport, errand.launch
    process = patiently(partial(transport.find, launch.folder))
    if process is None:
        return None
    for name, content in launch.files.items():
        try:
            if patiently(partial(transport.follow, posixpath.join(launch.folder, name), 0)) != content:
                return None
        except WrongFile:
            return None
        (errand.folder / name).write_bytes(content)
    return process


def _seen_through(errand: Errand, patiently: _Patience, process: Process, begin: float) -> Outcome:
    """Follow a process to its end, end it at the time limit, and bring its outputs back."""
    transport, unreadable = errand.transport, ""
    try:
        errand.started(process)
        try:
            returncode, stopped = _follow(errand, patiently, process)
        except WrongFile as error:
            returncode, stopped, unreadable = None, "", str(error)
        if returncode is None:
            patiently(partial(transport.kill, process))
    except DeviceLost:
        raise
    except BaseException:
        try:
            transport.kill(process)
        except DeviceError as error:  # the exception that ended us matters more than a device that is away too
            log.warning("%s; process %d may still run there", error, process.pid)
        raise
    wall_s = errand.clock.monotonic() - begin
    errand.started(None)
    for name in errand.launch.outputs:
        unreadable = _fetched(errand, patiently, name) or unreadable
    if unreadable:
        return Outcome(None, timed_out=False, lost="", wall_s=wall_s, unreadable=unreadable)
    timed_out = returncode is None and not stopped
    return Outcome(returncode, timed_out=timed_out, lost="", wall_s=wall_s, stopped=stopped)


def _fetched(errand: Errand, patiently: _Patience, name: str) -> str:
    """Bring an output back; return why it cannot be used, empty if it can."""
    source, target = posixpath.join(errand.launch.folder, name), errand.folder / name
    most = errand.events_most if name == EVENTS else PRINTED_BYTES
    try:
        size = patiently(partial(errand.transport.pull, source, target, most=most))
    except WrongFile as error:
        return str(error)
    return _too_long(name, size, most) if size > most else ""


def _too_long(name: str, size: int, most: int) -> str:
    return f"{name} has {size:,} bytes, its job makes at most {most:,}: the rest was not fetched"


def _follow(errand: Errand, patiently: _Patience, process: Process) -> tuple[int | None, str]:
    """Return the exit status; None at the deadline, or with the reason why the process must end now.

    Counts finished iterations as they appear. Lines are only counted: parsing them would take the agent's cores
    while it measures.
    """
    transport, path = errand.transport, posixpath.join(errand.launch.folder, EVENTS)
    offset = count = 0
    asked = errand.clock.monotonic()
    while (left := patiently.deadline - errand.clock.monotonic()) > 0:
        nap = min(errand.look_every_s, left)
        returncode = patiently(partial(transport.wait, process, timeout_s=nap))
        if returncode is not None:
            return returncode, ""
        new = patiently(partial(transport.follow, path, offset))
        offset += len(new)
        errand.arrived(new)
        if offset > errand.events_most:
            return None, ""  # their size, when they are fetched, is the reason
        if found := len(_ITERATION.findall(new)):
            count += found
            errand.iterations(count)
        if errand.clock.monotonic() - asked >= HEED_EVERY_S:
            asked = errand.clock.monotonic()
            if why := patiently(errand.heed):
                return None, why
    return None, ""
