"""Starting an agent on a device, following it to its end, and reading strictly what it wrote."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import Event, Job, canonical_json, parse_event
from lab.device.transport import Clock, Device, Process, Transport
from lab.errors import DeviceLost

QUIET: Mapping[str, str] = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would otherwise report its use
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
}
"""Set for every agent: threads belong to the units a job names, not to libraries."""

JOB, EVENTS, STDOUT, STDERR = "job.json", "events.jsonl", "stdout.txt", "stderr.txt"
LOOK_EVERY_S = 0.25
"""How often events are looked at while an agent runs: the lab shares the cores with it on the host."""

_ITERATION = re.compile(rb'"event":\s*"iteration"')

EXCERPT = 120
"""How much of a malformed line is quoted."""


@dataclass(frozen=True)
class Launch:
    """One start of a program on a device: ours, or a foreign tool.

    `files` (name -> content) are put into `folder`, `argv` is run there, `outputs` are brought back.
    """

    folder: str
    files: Mapping[str, bytes]
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How the process ended: `returncode` is None when the lab ended it or lost the device."""

    returncode: int | None
    timed_out: bool
    lost: str
    wall_s: float


@dataclass(frozen=True)
class Malformed:
    """The first line that is no event."""

    line: int
    excerpt: str
    problem: str


@dataclass(frozen=True)
class Reading:
    """What an events file holds: whole events, up to the first that is none, and half a last line."""

    events: tuple[Event, ...]
    malformed: Malformed | None
    half_line: str


def launch_for(job: Job, device: Device, folder: Path) -> Launch:
    """Say how our own agent is started for a job whose results belong in `folder` on the host."""
    place = str(folder) if device.scratch is None else posixpath.join(device.scratch, job.trial)
    return Launch(
        folder=place,
        files={JOB: canonical_json(job) + b"\n"},
        argv=(*device.agent, "run", "--job", JOB, "--events", EVENTS),
        environment={**device.environment, **QUIET},
        outputs=(EVENTS, STDOUT, STDERR),
    )


def carry_out(
    launch: Launch,
    transport: Transport,
    folder: Path,
    *,
    timeout_s: float,
    clock: Clock,
    started: Callable[[Process | None], None] = lambda process: None,
    iterations: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Run a launch to its end and leave its files and outputs in `folder`.

    The process group is ended at `timeout_s` and whenever this function is left by an exception. A lost
    device is an outcome, not an exception: the trial is kept as invalid.
    """
    begin = clock.monotonic()
    try:
        for name, content in launch.files.items():
            transport.push(content, posixpath.join(launch.folder, name))
            if posixpath.join(launch.folder, name) != str(folder / name):
                (folder / name).write_bytes(content)
        process = transport.start(
            launch.argv,
            environment=launch.environment,
            folder=launch.folder,
            stdout=posixpath.join(launch.folder, STDOUT),
            stderr=posixpath.join(launch.folder, STDERR),
        )
        started(process)
        try:
            returncode = _follow(
                launch, transport, process, deadline=begin + timeout_s, clock=clock, iterations=iterations
            )
        except BaseException:
            transport.kill(process)
            raise
        timed_out = returncode is None
        if timed_out:
            transport.kill(process)
        wall_s = clock.monotonic() - begin
        started(None)
        for name in launch.outputs:
            transport.pull(posixpath.join(launch.folder, name), folder / name)
    except DeviceLost as error:
        return Outcome(None, timed_out=False, lost=str(error), wall_s=clock.monotonic() - begin)
    return Outcome(returncode, timed_out=timed_out, lost="", wall_s=wall_s)


def _follow(
    launch: Launch,
    transport: Transport,
    process: Process,
    *,
    deadline: float,
    clock: Clock,
    iterations: Callable[[int], None],
) -> int | None:
    """Wait for the end, counting finished iterations as they appear; None at the deadline.

    Lines are only counted here: parsing them would take the agent's cores while it measures.
    """
    path = posixpath.join(launch.folder, EVENTS)
    offset = count = 0
    while (left := deadline - clock.monotonic()) > 0:
        returncode = transport.wait(process, timeout_s=min(LOOK_EVERY_S, left))
        if returncode is not None:
            return returncode
        new = transport.follow(path, offset)
        offset += len(new)
        if found := len(_ITERATION.findall(new)):
            count += found
            iterations(count)
    return None


def read_events(raw: bytes) -> Reading:
    """Read one JSON object a line, strictly: nothing unknown, nothing missing, no blank line.

    A last line without its newline is what a dying agent leaves: reported as `half_line`, not malformed.
    """
    *lines, half = raw.split(b"\n")
    events: list[Event] = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(parse_event.validate_json(line))
        except ValidationError as error:
            return Reading(tuple(events), Malformed(number, _excerpt(line), _problem(error)), _excerpt(half))
    return Reading(tuple(events), None, _excerpt(half))


def _excerpt(line: bytes) -> str:
    text = line.decode(errors="replace")
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
