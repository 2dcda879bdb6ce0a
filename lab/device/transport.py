"""The one seam between the lab and whatever runs an agent: `Transport`.

`local.LocalTransport` is this machine, `fake.FakePhone` a phone that plays a script. A new way to reach
a device is a new file with the methods below; nothing above this folder knows which one it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab.records import DeviceIdentity

SLOWEST_HASH = 20_000_000
"""Bytes a second that any device hashes at least. A judgement: emulated arm64 is the slowest we have."""


@dataclass(frozen=True)
class Completed:
    """A short command that ran to its end on the device."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Process:
    """A detached process on the device: only pid and start time together name it.

    `started` is in the device's own unit (clock ticks since boot on Linux); a pid alone may have been
    given to another process since.
    """

    pid: int
    started: int


class Transport(Protocol):
    """What a device must be able to do; every call raises `DeviceLost` when the device went away."""

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a short command to its end, without a shell in between; raises `DeviceLost` at the deadline."""
        ...

    def push(self, content: bytes, target: str) -> None:
        """Write a small file on the device, complete or not at all; its folder is made."""
        ...

    def upload(
        self, source: Path, target: str, *, offset: int = 0, progress: Callable[[int], None] = lambda sent: None
    ) -> str:
        """Send a file's bytes from `offset` on to the end of `target`; return its SHA-256 as the device has it.

        `target` holds `offset` bytes already (0: it is created, or emptied). The digest is of the whole
        file and computed on the device. `progress` is told how many bytes this call has sent so far.
        """
        ...

    def pull(self, source: str, target: Path) -> None:
        """Copy a file from the device; a missing one becomes an empty file."""
        ...

    def follow(self, path: str, offset: int) -> bytes:
        """Return what a growing file holds from `offset` on, or a first part; empty when nothing is new."""
        ...

    def start(
        self, argv: Sequence[str], *, environment: Mapping[str, str], folder: str, stdout: str, stderr: str
    ) -> Process:
        """Start a process detached from the lab, in its own process group, its output going to files."""
        ...

    def wait(self, process: Process, *, timeout_s: float) -> int | None:
        """Wait for the process's exit status at most so long; None while it runs; -n when signal n ended it."""
        ...

    def kill(self, process: Process) -> None:
        """End the process and its whole group, if pid and start time still name the same one."""
        ...

    def find(self, folder: str) -> Process | None:
        """Return the process that :meth:`start` started in `folder`, running or ended; None when none was.

        :meth:`wait` works on it even when another lab started it.
        """
        ...

    def reconnect(self, *, timeout_s: float) -> None:
        """After `DeviceLost`: wait until the device is back, and prove that it is the same one.

        Raises `DeviceLost` when it is not back in time, `DeviceRebooted` when it is back in another boot
        (once: from then on the new boot is the expected one), and `DeviceRefused` when another device
        answers in its place.
        """
        ...


class Clock(Protocol):
    """Time as the lab sees it; tests pass their own."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def utc(self) -> str:
        """Now, in UTC, as ISO 8601."""
        ...


@dataclass(frozen=True)
class Device:
    """Something that can run an agent.

    `agent` is the command that starts it, `scratch` a folder on the device for a trial's files (None:
    the agent works in the trial's own folder, on this machine), `facts` go into a run's Context.
    `bundle` is the folder on the host of the agent that a push brings to the device (None: it is there).
    `look_every_s` is how often a running agent's events are looked at, `reserve_bytes` what a push leaves free
    (device_care.md, push recipe: 1 GiB).
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
        """Whether it runs on this machine's cores: such devices take turns with each other."""
        return self.identity.kind != "phone"
