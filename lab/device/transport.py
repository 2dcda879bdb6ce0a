"""The one seam between the lab and whatever runs an agent: `Transport`.

`local.LocalTransport` is this machine, `adb.transport.AdbTransport` a phone, and `fake.phone.FakePhone` a phone
that plays a script. A new way to reach a device is a new file with the methods below; nothing above this folder
knows which one it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab.records import DeviceIdentity

SLOWEST_HASH = 20_000_000
"""Bytes a second that any device hashes at least. A judgement: emulated arm64 is the slowest we have."""

NO_FILE = "it is a pipe, a device or a folder, wanted a file"
"""The words of a `WrongFile`."""


@dataclass(frozen=True)
class Completed:
    """A short command that ran to its end on the device."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Process:
    """A detached process on the device: only pid and start time together identify it.

    `started` is in the device's own unit (clock ticks since boot on Linux). A pid alone may by now belong to
    another process.
    """

    pid: int
    started: int


class Transport(Protocol):
    """The calls that a device must support; each raises `DeviceLost` when the device disconnects."""

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a short command to its end, without a shell in between. Raises `DeviceLost` at the deadline."""
        ...

    def push(self, content: bytes, target: str) -> None:
        """Write a small file on the device completely or not at all; create its folder."""
        ...

    def upload(
        self, source: Path, target: str, *, offset: int = 0, progress: Callable[[int], None] = lambda sent: None
    ) -> str:
        """Append a file's bytes from `offset` on to `target`; return the SHA-256 of the whole file on the device.

        `target` already holds `offset` bytes (0: create or empty it). The device computes the digest. The call
        passes the number of bytes that it has sent so far to `progress`.
        """
        ...

    def pull(self, source: str, target: Path, *, most: int) -> int:
        """Copy the first `most` bytes of a file from the device; return how many it has there.

        A missing one becomes an empty file. Raises `WrongFile`, and `DiskFull` before anything is copied when this
        machine has no room for it.
        """
        ...

    def follow(self, path: str, offset: int) -> bytes:
        """Return a growing file's bytes from `offset` on, or a first part of them; empty when nothing is new.

        Raises `WrongFile`.
        """
        ...

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
        """Start a process detached from the lab, in its own process group, with its output in files.

        Without the lab it ends after `limit_s` at the latest; on this machine it ends with the thread that started
        it. No file that it writes grows beyond `file_bytes` (None: no limit).
        """
        ...

    def wait(self, process: Process, *, timeout_s: float) -> int | None:
        """Wait at most `timeout_s` for the exit status; None while it runs, -n when signal n ended the process."""
        ...

    def kill(self, process: Process) -> None:
        """Kill the process and its whole group, if pid and start time still identify the same one."""
        ...

    def find(self, folder: str) -> Process | None:
        """Return the process that :meth:`start` started in `folder`, running or ended; None if there is none.

        :meth:`wait` works on it even if another lab started it.
        """
        ...

    def reconnect(self, *, timeout_s: float) -> None:
        """After `DeviceLost`: wait until the device is back, and prove that it is the same one.

        Raises `DeviceLost` when it is not back in time, `DeviceRebooted` when it is back in another boot
        (once: after that the new boot is the expected one), and `DeviceRefused` when another device answers in
        its place.
        """
        ...


class Clock(Protocol):
    """The lab's source of time; tests pass their own."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def utc(self) -> str:
        """Return the present time in UTC, as ISO 8601."""
        ...


@dataclass(frozen=True)
class Device:
    """Something that can run an agent.

    `agent` is the command that starts the agent. `scratch` is the folder on the device for a trial's files (None:
    the agent works in the trial's own folder, on this machine). `facts` go into a run's Context. `bundle` is the
    folder on the host of the agent to push (None: the agent is already on the device). `look_every_s` is how often
    to read a running agent's events. A push leaves `reserve_bytes` free (device_care.md, push recipe: 1 GiB).
    """

    identity: DeviceIdentity
    transport: Transport
    agent: tuple[str, ...]
    environment: Mapping[str, str]
    scratch: str | None
    facts: Mapping[str, str] = field(default_factory=dict)
    bundle: Path | None = None
    look_every_s: float = 0.25
    reserve_bytes: int = 2**30

    @property
    def shares_host(self) -> bool:
        """Say whether it runs on this machine's cores: such devices take turns with each other."""
        return self.identity.kind != "phone"
