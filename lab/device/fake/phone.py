"""A phone that plays a script: to test the lab, and to write lab code without a device.

`FakePhone` is a `Transport` with files in memory and a clock of its own. Its agent reads its job, writes exactly
what a good agent would write, and then spoils it as the script says. Nothing here is a measurement.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from device_agents.contract import Input, Job
from lab.device.fake.agent import events_of
from lab.device.transport import Completed, Device, Process
from lab.device.vitals.lines import write
from lab.device.vitals.script import LINES, LOOK
from lab.errors import DeviceLost, DeviceRebooted
from lab.records import DeviceIdentity, Vitals

Fault = Literal[
    "none",
    "dies",  # killed in the middle of a line
    "hangs",  # never ends
    "no_end",  # ends well, except for its last line
    "malformed",  # a stray print between the events
    "error",  # stops with an `error` event
    "wrong_output",  # answers something else
    "not_a_number",  # answers NaN
    "overlap",  # one unit does two spans at once
    "gap",  # no span covers half of an iteration
    "short",  # works on fewer tiles or tokens than the job asks for
    "miscounts",  # `end` counts one span too many
    "extra_iteration",  # measures one iteration too many
    "falls_back",  # claims an accelerator for work that used a CPU all the time
    "starves",  # hardly gets its CPU: something else has it
    "injects",  # still has a slow-down on that the job does not ask for
    "clock_back",  # its clock goes back before the last iteration
    "clock_ahead",  # its clock jumps an hour ahead in the last iteration
    "lost",  # the phone disconnects while the agent runs
    "blinks",  # the link breaks while the agent runs, and is back at once
    "reboots",  # the phone comes back in another boot
]

SAMPLER = Process(-1, started=0)
"""The process of a vitals' sampler here."""

STEP_S = 1.0
"""How far the fake's clock advances when the lab waits and nothing else moves it."""


@dataclass
class FakeClock:
    """A clock that only moves when a test or the fake phone moves it; it starts at 2026-01-01 UTC."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        """Return seconds since the clock was created."""
        return self.seconds

    def utc(self) -> str:
        """Return the present time, as ISO 8601."""
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class FakePhone:
    """A transport that plays a script and keeps a journal.

    `script` gives the fault of each agent started (0, 1, ...; the settling process is one), `stage_s` the length
    of a stage in a job, `replies` the output of shell commands, `vitals` the readings of its sensors at a time of
    its clock, both for a look and for a sampler. The journal mentions neither looks nor samplers.
    """

    inputs: Mapping[str, Input]
    script: Callable[[int], Fault] = lambda number: "none"
    stage_s: Callable[[Job], float] = lambda job: 0.010
    replies: Mapping[str, str] = field(default_factory=dict)
    vitals: Callable[[float], Vitals] = Vitals
    clock: FakeClock = field(default_factory=FakeClock)
    journal: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    started: int = 0
    _pending: dict[int, list[bytes]] = field(default_factory=dict)
    _takes_s: dict[int, float] = field(default_factory=dict)
    _faults: dict[int, Fault] = field(default_factory=dict)
    _events: dict[int, str] = field(default_factory=dict)
    _away: Fault = "none"

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Answer from `replies`, or with status 127; the journal leaves out `rm` and questions for the boot id."""
        if argv[0] == "rm":
            for name in [name for name in self.files if name.startswith(argv[-1])]:
                del self.files[name]
            return Completed(0, "", "")
        if LOOK in argv:
            return Completed(0, write(self.vitals(self.clock.seconds)), "")
        line = " ".join(argv)
        if not line.endswith("/boot_id"):  # asked at every turn
            self.journal.append(f"shell {line}")
        return Completed(0, self.replies[line], "") if line in self.replies else Completed(127, "", "not found")

    def push(self, content: bytes, target: str) -> None:
        """Keep a file in memory."""
        self.files[target] = content

    def upload(
        self, source: Path, target: str, *, offset: int = 0, progress: Callable[[int], None] = lambda sent: None
    ) -> str:
        """Append to a file in memory, after its first `offset` bytes."""
        sent = source.read_bytes()[offset:]
        self.files[target] = self.files.get(target, b"")[:offset] + sent
        progress(len(sent))
        return hashlib.sha256(self.files[target]).hexdigest()

    def pull(self, source: str, target: Path, *, most: int) -> int:
        """Copy a file from memory to the host; a missing one becomes empty."""
        content = self.files.get(source, b"")
        target.write_bytes(content[:most])
        return len(content)

    def follow(self, path: str, offset: int) -> bytes:
        """Return a file's bytes from `offset` on."""
        return self.files.get(path, b"")[offset:]

    def start(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str,
        stdout: str,
        stderr: str,
        limit_s: float,
        file_bytes: int | None = None,
    ) -> Process:
        """Start the script's next agent; its lines appear while the lab waits."""
        if f"{folder}/job.json" not in self.files:  # the sampler, which reads once and stays until it is killed
            self.files[f"{folder}/{LINES}"] = write(self.vitals(self.clock.seconds)).encode()
            return SAMPLER
        job = Job.model_validate_json(self.files[f"{folder}/job.json"])
        number, self.started = self.started, self.started + 1
        fault = self.script(number)
        self.journal.append(f"start agent {job.trial[-4:]} {job.work.kind}")
        self._faults[number] = fault
        self._events[number] = f"{folder}/events.jsonl"
        lines = events_of(job, self.inputs, self.stage_s(job), fault)
        self._takes_s[number] = sum(json.loads(lines[at])["duration_ns"] for at in _iterations(lines)) / 1e9
        self._pending[number] = _spoil(lines, fault)
        self.files[self._events[number]] = b""
        self.files[stdout] = b""
        self.files[stderr] = b"Killed\n" if fault == "dies" else b""
        return Process(number, started=number)

    def wait(self, process: Process, *, timeout_s: float) -> int | None:
        """Let time pass, at least what a third of the work takes, and let a third of the agent's lines appear."""
        fault, pending = self._faults[process.pid], self._pending[process.pid]
        self.clock.seconds += max(timeout_s, self._takes_s[process.pid] / 3) if pending else 0.0
        if fault in {"lost", "blinks", "reboots"} and len(pending) < 3:
            if fault == "blinks":
                self._faults[process.pid] = "none"
            self._away = fault
            raise DeviceLost("fake phone: the cable was pulled")
        if pending:
            self.files[self._events[process.pid]] += pending.pop(0)
            return None
        if fault == "hangs":
            self.clock.seconds += STEP_S
            return None
        return {"dies": -9, "error": 1}.get(fault, 0)

    def kill(self, process: Process) -> None:
        """Write it into the journal, if it is an agent."""
        if process == SAMPLER:
            return
        self.journal.append(f"kill agent {process.pid}")

    def find(self, folder: str) -> Process | None:
        """Return None: no other lab started anything here."""
        return None

    def reconnect(self, *, timeout_s: float) -> None:
        """Come back as the script says; stay away if the script says `lost`."""
        self.journal.append("reconnect")
        if self._away == "blinks":
            return
        if self._away == "reboots":
            raise DeviceRebooted("fake phone: back in another boot")
        self.clock.seconds += timeout_s
        raise DeviceLost(f"fake phone: not back within {timeout_s:g} s")


def fake_device(phone: FakePhone, *, cores: Iterable[int] = (0, 1)) -> Device:
    """Return a device around a fake phone, which identifies itself as a fake."""
    return Device(
        identity=DeviceIdentity("fake", "virtual", "fake phone", "fake", tuple(cores)),
        transport=phone,
        agent=("agent",),
        environment={},
        scratch="/data/local/tmp/pocketlab",
        facts={"simulated": "yes"},
    )


def _spoil(lines: list[bytes], fault: Fault) -> list[bytes]:
    """Break the lines as the script says, and cut them into three pieces."""
    if fault in {"no_end", "hangs"}:
        lines = lines[:-1]
    if fault == "malformed":
        lines.insert(2, b"loading model ...\n")
    if fault == "error":
        error = {"event": "error", "error": "oom", "message": "no memory for the cache"}
        lines = [*lines[:2], json.dumps(error).encode() + b"\n"]
    if fault in {"clock_back", "clock_ahead"}:
        at = _iterations(lines)[-1]
        last = json.loads(lines[at])
        last["start_ns"] -= 1_000_000_000 * (fault == "clock_back")
        last["duration_ns"] += 3600_000_000_000 * (fault == "clock_ahead")
        lines[at] = json.dumps(last).encode() + b"\n"
    if fault == "dies":
        half = len(lines) // 2
        lines = [*lines[:half], lines[half][:20]]
    third = max(1, len(lines) // 3)
    return [b"".join(lines[:third]), b"".join(lines[third : 2 * third]), b"".join(lines[2 * third :])]


def _iterations(lines: Sequence[bytes]) -> list[int]:
    """Return the numbers of the lines that are iteration events."""
    return [number for number, line in enumerate(lines) if b'"event":"iteration"' in line]
