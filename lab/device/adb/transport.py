"""A device behind adb as a `Transport`: every call has a deadline, and every new link must prove the device.

Only this folder knows adb: `wire` speaks on the socket, `server` finds the server and the attached devices,
`scripts` run on the device. Tested against a real adb server and a real adbd on Linux; not verified on a phone.

How to send a large file was measured (512 MiB, one virtual phone, medians of 4 on a busy machine): appending from
the shell protocol and hashing afterwards 3.1 s; through `tee | sha256sum` 4.1 s; sync protocol and hashing 3.7 s;
the adb binary and hashing 3.6 s (2.9 s without); adbutils' sync and hashing 6.0 s. The first can also resume.
"""

from __future__ import annotations

import re
import shutil
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from lab.device.adb import scripts
from lab.device.adb.send import send_many
from lab.device.adb.server import (
    Attached,
    Server,
    attached,
    checked_name,
    connect_tcp,
    disconnect_tcp,
    track,
    translated,
)
from lab.device.adb.wire import CHUNK, SLOWEST_LINK, STALL_S, Ended, Link, WireRefused
from lab.device.transport import NO_FILE, SLOWEST_HASH, Completed, Process
from lab.errors import (
    DeviceBusy,
    DeviceError,
    DeviceFull,
    DeviceLost,
    DeviceRebooted,
    DeviceRefused,
    DeviceStarting,
    WrongFile,
)
from lab.files import disk_full
from lab.records.telling import number_of

__all__ = ["AdbTransport", "Attached", "Fence", "Server", "attached", "connect_tcp", "disconnect_tcp", "track"]

SHORT_S = 30.0
"""Deadline of a call that moves few bytes: longer than `STALL_S`, so that a stall is reported as such."""

LOOK_AGAIN_S = 0.5
"""How often to look for a device that disconnected."""

SPARE_BYTES = 2**20
"""What a pull leaves free on this machine's disk: room to save how the trial ended; a judgement."""

SIZE_DIGITS = 19
"""Digits of a file's size that are read: 64 bits."""

PROOF_S = 10.0
"""Deadline for asking a device who it is: getprop hangs while Android starts (google/mobly issue 596)."""


@dataclass(frozen=True)
class Fence:
    """The facts that are equal when two answers come from the same device in the same boot."""

    serials: tuple[str, ...]
    fingerprint: str
    boot_id: str


class AdbTransport:
    """The transport to a device that an adb server knows by `serial`.

    `guard` is (path of the lease's file on the device, fence number): when it is set, every call that writes first
    checks on the device, in the same script, that the lease is still ours. Calls may come from several threads.
    """

    def __init__(self, server: Server, serial: str) -> None:
        self.server, self.serial = server, checked_name(serial)
        self.guard: tuple[str, int] | None = None
        self._fence: Fence | None = None
        self._proven: int | None = None  # the server's number of the attachment that proved who it is
        self._folders: dict[Process, str] = {}
        self._proving, self._returning = Lock(), Lock()

    @property
    def fence(self) -> Fence:
        """Return who the device was when it was first asked; ask now if that has not happened yet."""
        if self._fence is None:
            self._ended("true", "ask who it is", within_s=SHORT_S)
        if self._fence is None:
            raise DeviceLost(f"{self.serial}: did not say who it is; try again")
        return self._fence

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a short command to its end; the device itself kills it at the deadline."""
        if not argv:
            raise DeviceRefused(f"{self.serial}: asked to run an empty command line")
        begin = time.monotonic()
        done = self._ended(
            scripts.limited(argv, timeout_s), f"run `{argv[0]}`", within_s=timeout_s + 3.0, stall_s=timeout_s + 3.0
        )
        if done.status in (124, 137, 143) and time.monotonic() - begin >= timeout_s:  # as timeout(1) says it
            raise DeviceLost(f"{self.serial}: `{argv[0]}` did not end within {timeout_s:g} s, and was killed")
        return Completed(done.status, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def push(self, content: bytes, target: str) -> None:
        """Write a small file completely or not at all; raises `DeviceFull`, `DeviceRefused`."""
        self._written(scripts.push(target, len(content)), f"write {target}", lambda link: [content])

    def upload(
        self, source: Path, target: str, *, offset: int = 0, progress: Callable[[int], None] = lambda sent: None
    ) -> str:
        """Append a file's bytes from `offset` on; if the link breaks, what arrived stays and can be resumed."""

        def content(link: Link) -> Iterator[bytes]:
            with source.open("rb") as file:
                file.seek(offset)
                while piece := file.read(CHUNK):
                    yield piece
                    progress(file.tell() - offset)
                link.expect_silence(STALL_S + file.tell() / SLOWEST_HASH)

        done = self._written(scripts.upload(target, offset), f"write {target}", content)
        digest = done.stdout[:64].decode(errors="replace")
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise DeviceRefused(f"{self.serial}: wanted the SHA-256 of {target}, its sha256sum printed {digest!r}")
        return digest

    def upload_many(
        self, files: Sequence[tuple[Path, str]], *, progress: Callable[[int], None] = lambda sent: None
    ) -> None:
        """Send whole files to new targets in one conversation; it neither resumes nor verifies them.

        Not guarded, because the sync protocol runs no script: the caller verifies the files in a script that is.
        """
        wanted = f"send {number_of(len(files), 'file')}"
        within_s = SHORT_S + sum(source.stat().st_size for source, _ in files) / SLOWEST_LINK
        with self._link(wanted, within_s, STALL_S) as link:
            try:
                send_many(link, files, progress=progress)
            except WireRefused as error:
                raise self._failure(Ended(1, b"", str(error).encode()), wanted) from error

    def pull(self, source: str, target: Path, *, most: int) -> int:
        """Copy the first `most` bytes of a file from the device; return how many it has there."""
        wanted, aside = f"read {source}", target.with_name(f"{target.name}.part")
        try:
            with aside.open("wb") as file:
                arriving = _Arriving(file, target, most)
                self._succeeded(self._ended(scripts.pull(source, most), wanted, take=arriving), wanted)
                file.truncate(min(most, file.tell()))
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        return arriving.size

    def follow(self, path: str, offset: int) -> bytes:
        """Return the file's bytes from `offset` on."""
        return self._succeeded(self._ended(scripts.follow(path, offset), f"read {path}"), f"read {path}").stdout

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
        """Start a process that needs neither the link nor adbd nor the lab to keep running, for `limit_s` at most.

        The returned `Process` is the wrapper, which leads the group and records the exit status. Where it shares a
        control group with adbd, init may kill both (seen on phones when adbd is restarted by hand, not here).
        """
        wanted = f"start {argv[0] if argv else 'nothing'} in {folder}"
        done = self._ended(
            self._guarded(
                scripts.start(argv, environment, folder, stdout, stderr, limit_s=limit_s, file_bytes=file_bytes)
            ),
            wanted,
        )
        process = _process(self._succeeded(done, wanted).stdout)
        if process is None:
            raise self._failure(Ended(1, b"", done.stdout), wanted)
        self._folders[process] = folder
        return process

    def wait(self, process: Process, *, timeout_s: float) -> int | None:
        """Wait on the device, on a lock that the kernel frees when the whole group is dead.

        An exit status above 128 means a signal, as in shells. Also return -9 when there is no exit status: a shell
        ends without writing it only by SIGKILL (out of memory, somebody's kill) or by a reboot.
        """
        folder = self._folders.get(process)
        if folder is None:
            raise DeviceRefused(f"{self.serial}: unknown process {process.pid}: find it by its folder")
        wanted = f"wait for what runs in {folder}"
        limit = timeout_s + STALL_S
        done = self._ended(scripts.wait(folder, timeout_s), wanted, within_s=limit, stall_s=limit)
        if done.status == scripts.STILL:
            return None
        said = self._succeeded(done, wanted).stdout.strip()
        status = int(said) if re.fullmatch(rb"\d{1,3}", said) else 137
        return 128 - status if status > 128 else status

    def kill(self, process: Process) -> None:
        """Kill the group, and whatever left it but still holds its lock; return when they are dead."""
        folder = self._folders.get(process)
        done = self._ended(scripts.kill(process.pid, process.started, folder), f"end process {process.pid}")
        self._succeeded(done, f"end process {process.pid}, started at {process.started}")

    def find(self, folder: str) -> Process | None:
        """Return the process that any lab started in `folder`; None if none did."""
        try:
            said = self.follow(f"{folder}/{scripts.PROCESS}", 0)
        except WrongFile:  # no lab leaves such a thing there
            return None
        if (process := _process(said)) is not None:
            self._folders[process] = folder
        return process

    def reconnect(self, *, timeout_s: float) -> None:
        """Wait until the device answers, has started, and proves to be the same."""
        until = time.monotonic() + timeout_s
        if not self._returning.acquire(timeout=timeout_s):  # one thread looks for it; the others wait
            raise DeviceLost(f"{self.serial}: not back within {timeout_s:g} s")
        try:
            while True:
                try:
                    return self._look()
                except DeviceRebooted:
                    raise
                except DeviceLost as error:
                    if time.monotonic() >= until:
                        message = f"{self.serial}: not back within {timeout_s:g} s. Last seen: {error}"
                        raise DeviceLost(message) from error
                time.sleep(min(LOOK_AGAIN_S, max(0.0, until - time.monotonic())))
        finally:
            self._returning.release()

    def _look(self) -> None:
        """Ask once who answers; attach a silent link again for the next try."""
        try:
            with translated(self.serial, "see whether it is back"), self.server.link(within_s=PROOF_S) as link:
                self._prove(self._attachment(link), new_boot=True)
        except DeviceRebooted:
            raise
        except DeviceLost:
            with suppress(DeviceLost):
                self._attach_again()
            raise

    def _attach_again(self) -> None:
        if re.fullmatch(r"[^:]+:\d+", self.serial):  # adb says "already connected" about a dead link
            disconnect_tcp(self.server, self.serial)
            connect_tcp(self.server, self.serial)

    @contextmanager
    def _link(self, wanted: str, within_s: float, stall_s: float) -> Iterator[Link]:
        """Open a conversation with the device, after it proved to be the one we know."""
        with translated(self.serial, wanted), self.server.link(within_s=within_s, stall_s=stall_s) as link:
            number = self._attachment(link)
            if number != self._proven:
                self._prove(number)
            yield link

    def _attachment(self, link: Link) -> int:
        """Bind the conversation to the device; return the server's number for this attachment."""
        link.request(f"host:tport:serial:{self.serial}")
        number: int = struct.unpack("<Q", link.exactly(8))[0]  # adbutils drops this
        return number

    def _prove(self, number: int, *, new_boot: bool = False) -> None:
        """Check that the device on a new attachment is the one we know; only `reconnect` accepts a new boot."""
        with self._proving:
            found = self._who(number)
            known = self._fence or found
            if (found.serials, found.fingerprint) != (known.serials, known.fingerprint):
                raise DeviceRefused(
                    f"{self.serial}: another device answers in its place: wanted {_words(known)}, "
                    f"found {_words(found)}. Reattach the first one, or use this one under its own name."
                )
            if found.boot_id != known.boot_id and not new_boot:
                raise DeviceLost(f"{self.serial}: it rebooted")
            self._fence, self._proven = found, number
        if found.boot_id != known.boot_id:
            raise DeviceRebooted(f"{self.serial}: is back in another boot; what ran there is gone")

    def _who(self, number: int) -> Fence:
        with self.server.link(within_s=PROOF_S) as link:
            link.request(f"host-transport-id:{number}:features")
            if "shell_v2" not in link.block().split(","):
                raise DeviceRefused(
                    f"{self.serial}: its adbd knows only the first shell protocol, which loses exit statuses; "
                    "wanted Android 7 or later"
                )
        with self.server.link(within_s=PROOF_S) as link:
            link.request(f"host:transport-id:{number}")
            lines = link.shell(scripts.FENCE).stdout.decode(errors="replace").splitlines()
        said = dict(line.partition("=")[::2] for line in lines)
        if said.get("android") and said.get("sys.boot_completed") != "1":
            raise DeviceStarting(f"{self.serial}: is still starting")
        serials = (said.get("ro.serialno", ""), said.get("ro.boot.serialno", ""))
        return Fence(serials, said.get("ro.build.fingerprint", ""), said.get("boot_id", ""))

    def _guarded(self, script: str) -> str:
        return script if self.guard is None else scripts.guard(*self.guard) + script

    def _ended(
        self,
        script: str,
        wanted: str,
        stdin: Callable[[Link], Iterable[bytes]] = lambda link: (),
        *,
        within_s: float = SHORT_S,
        stall_s: float = STALL_S,
        take: Callable[[bytes], object] | None = None,
    ) -> Ended:
        with self._link(wanted, within_s, stall_s) as link:
            boot = self._fence.boot_id if self._fence else ""
            done = link.shell(scripts.same_boot(boot) + script, stdin(link), take=take)
        if done.status == scripts.OTHER_BOOT and scripts.OTHER_BOOT_SAID in done.stderr:
            self._proven = None  # adb keeps the number of a TCP link that it reconnects by itself
            raise DeviceLost(f"{self.serial}: wanted to {wanted}; it is in another boot, or it is another device")
        return done

    def _written(self, script: str, wanted: str, stdin: Callable[[Link], Iterable[bytes]]) -> Ended:
        return self._succeeded(self._ended(self._guarded(script), wanted, stdin), wanted)

    def _succeeded(self, done: Ended, wanted: str) -> Ended:
        if done.status:
            raise self._failure(done, wanted)
        return done

    def _failure(self, done: Ended, wanted: str) -> DeviceError:
        """Return the error for a script of ours that failed."""
        said, who = done.said, f"{self.serial}: wanted to {wanted}"
        lines = done.stderr.decode(errors="replace").split("\n")
        told = lines[0].strip()[:200]  # from our script, if the status is one of ours
        if "No space left" in said:
            return DeviceFull(
                f"{who}; no space left on the device{self._free()}. Free some; the files there stay."
            )
        if done.status == scripts.NOT_OURS:
            return DeviceBusy(f"{who}; the lease was taken over by {told or 'an unknown lab'}. Run again.")
        if done.status == scripts.NOT_A_FILE:
            return WrongFile(f"{who}; {NO_FILE}")
        meaning = {
            scripts.NOT_THERE: f"only {told} bytes are there to resume from: look again, and send the rest",
            scripts.RUNNING: "a program started there still runs: kill it first",
            scripts.NO_FOLDER: "that folder does not exist: push the files first",
            scripts.CANNOT_RUN: "that program does not exist or is not executable: push the agent again",
        }
        return DeviceRefused(f"{who}; {meaning.get(done.status, f'the device said: {said}')}.")

    def _free(self) -> str:
        """Return how much is free, in words; empty if the device does not say."""
        try:
            said = self._ended("df -k /data/local/tmp", "see its free space").stdout.decode(errors="replace")
            return f": {int(said.splitlines()[1].split()[3]) * 1024:,} bytes free"
        except (DeviceError, IndexError, ValueError):
            return ""


class _Arriving:
    """Takes what `scripts.pull` prints: a line with the file's size, then its content, which goes to `file`.

    Raises `DiskFull` when the size is more than there is room for, and `OSError`.
    """

    def __init__(self, file: BinaryIO, target: Path, most: int) -> None:
        self._file, self._target, self._most = file, target, most
        self._head = b""
        self._begun = False
        self.size = 0

    def __call__(self, piece: bytes) -> None:
        """Take a next piece."""
        if self._begun:
            if self._file.tell() > self._most + scripts.BLOCK:
                raise WrongFile(
                    f"{self._target.name}: the device sent more than the {self._most:,} bytes asked for"
                )
            self._file.write(piece)
            return
        head, mark, rest = (self._head + piece).partition(b"\n")
        self._head = head[:SIZE_DIGITS]
        if not mark:
            return
        self._begun, self.size = True, int(self._head) if self._head.isdigit() else 0
        comes = min(self.size, self._most)
        if shutil.disk_usage(self._target.parent).free < comes + SPARE_BYTES:
            raise disk_full(f"fetch {comes:,} bytes for {self._target.name}", self._target.parent)
        self._file.write(rest)


def _process(said: bytes) -> Process | None:
    match = re.fullmatch(rb"(\d{1,9}) (\d{1,18})", said.strip())
    return Process(int(match[1]), int(match[2])) if match else None


def _words(fence: Fence) -> str:
    serials = "/".join(dict.fromkeys(filter(None, fence.serials))) or "no serial"
    return f"{serials} with {fence.fingerprint or 'no fingerprint'}"
