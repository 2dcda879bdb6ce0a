"""A conversation with an adb server over a socket: requests, and the shell protocol (version 2).

We do not use adbutils' socket: it waits up to 600 s for each byte (sync: for ever), starts a server on the user's
port when ours is gone, writes with `send`, and drops the device's reason for refusing (device_care.md, section 7).
Here every conversation has a deadline, and ends when nothing moves for `STALL_S`. Sources: AOSP
packages/modules/adb, `SERVICES.TXT` and `shell_protocol.h`.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic
from types import TracebackType

STALL_S = 20.0
"""A conversation ends when no byte moves in either direction for so long (device_care.md, section 7)."""

CHUNK = 64 * 1024
"""Bytes a packet (device_care.md, push recipe); 1 MiB was no faster over loopback."""

SLOWEST_LINK = 1_000_000
"""Bytes a second below which a link is useless. A judgement: USB 2 carries 30 MB/s, poor Wi-Fi 2. A deadline moves
on by a second each time so many bytes have moved."""

LONGEST_ANSWER = 64 * 2**20
"""The most bytes of a command's output to keep in memory. A judgement: the longest are events, some MB. The lab
refuses a phone that prints for ever; it reads files of any size piece by piece."""

LONGEST_REQUEST = 0xFFFF
"""The most bytes of a request: its length is sent as four hexadecimal digits (`SERVICES.TXT`)."""

_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = range(5)  # `shell_protocol.h`
_HEADER = struct.Struct("<BI")


class WireRefused(Exception):  # noqa: N818 - as in lab.errors
    """The server or the device answered FAIL; the text is its reason."""


class WireLost(Exception):  # noqa: N818 - as in lab.errors
    """The conversation ended early: nothing answered, nothing moved, or its time was up."""


@dataclass(frozen=True)
class Ended:
    """A command that ran to its end on the device: its status as the shell protocol gives it, and its output."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def said(self) -> str:
        """Return its last words, for a message."""
        return (self.stderr or self.stdout).decode(errors="replace").strip()[-300:] or f"status {self.status}"


class Link:
    """One conversation with an adb server. Raises `WireRefused`, `WireLost`, and `OSError` when nobody listens."""

    def __init__(self, address: tuple[str, int], *, within_s: float, stall_s: float = STALL_S) -> None:
        self._until = monotonic() + within_s
        self._within_s, self._stall_s = within_s, stall_s
        self._socket = socket.create_connection(address, timeout=min(within_s, 3.0))  # a server answers at once
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation; programs on the device keep running."""
        self._socket.close()

    def expect_silence(self, seconds: float) -> None:
        """Allow this much silence from now on: the device is known to work without sending anything."""
        self._stall_s = seconds
        self._until += seconds

    def request(self, service: str) -> None:
        """Ask for a service, and wait for OKAY."""
        text = service.encode()
        if len(text) > LONGEST_REQUEST:
            raise WireRefused(f"a request of {len(text)} bytes is too long for adb, which takes {LONGEST_REQUEST}")
        self.send(b"%04x" % len(text) + text)
        answer = self.exactly(4)
        if answer == b"FAIL":
            raise WireRefused(self.block())
        if answer != b"OKAY":
            raise WireLost(f"the adb server answered {answer!r}, which is not its protocol")

    def block(self) -> str:
        """Read a text that follows its length in four hexadecimal digits."""
        length = self.exactly(4)
        try:
            return self.exactly(int(length, 16)).decode(errors="replace")
        except ValueError as error:
            raise WireLost(f"the adb server answered {length!r} where a length belongs") from error

    def exactly(self, count: int) -> bytes:
        """Read exactly `count` bytes, in however many pieces they come."""
        parts = bytearray()
        while len(parts) < count:
            self._socket.settimeout(self._patience())
            try:
                part = self._socket.recv(count - len(parts))
            except TimeoutError as error:
                raise self._silent() from error
            except OSError as error:
                raise WireLost(f"the link broke: {error}") from error
            if not part:
                raise WireLost("the link was closed")
            parts += part
        return bytes(parts)

    def answered(self) -> bool:
        """Say whether there is something to read."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def send(self, content: bytes | memoryview) -> None:
        """Send all of `content`."""
        self._socket.settimeout(self._patience())
        try:
            self._socket.sendall(content)
        except TimeoutError as error:
            raise self._silent() from error
        except OSError as error:
            raise WireLost(f"the link broke: {error}") from error

    def shell(
        self, command: str, stdin: Iterable[bytes] = (), *, take: Callable[[bytes], object] | None = None
    ) -> Ended:
        """Run a command line in the device's shell; pass its standard output to `take`, or return it."""
        self.request(f"shell,v2,raw:{command}")
        out, err, came = bytearray(), bytearray(), bytearray()
        sinks = {_STDOUT: take or out.extend, _STDERR: err.extend}
        outgoing, pending = _packets(stdin), memoryview(b"")
        self._socket.setblocking(False)
        while True:
            pending = pending or memoryview(next(outgoing, b""))
            readable, writable = self._ready(bool(pending))
            if writable:
                pending = self._send_some(pending)
            if readable:
                came += self._receive_some()
                for kind, body in _unpacked(came):
                    if kind == _EXIT:
                        return Ended(body[0] if body else 255, bytes(out), bytes(err))
                    if kind in sinks:
                        sinks[kind](body)
                if max(len(out), len(err), len(came)) > LONGEST_ANSWER:
                    raise WireRefused(f"it printed more than {LONGEST_ANSWER:,} bytes where less was wanted")

    def _ready(self, sending: bool) -> tuple[bool, bool]:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if sending else 0))
        events = poll.poll(self._patience() * 1000)
        if not events:
            raise self._silent()
        happened = events[0][1]
        return bool(happened & ~select.POLLOUT), bool(happened & select.POLLOUT)

    def _send_some(self, pending: memoryview) -> memoryview:
        try:
            sent = self._socket.send(pending)
        except BlockingIOError:
            return pending
        except OSError:  # the command ended without its input: its status may still be there to read
            return memoryview(b"")
        self._until += sent / SLOWEST_LINK
        return pending[sent:]

    def _receive_some(self) -> bytes:
        try:
            part = self._socket.recv(1 << 18)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise WireLost(f"the link broke: {error}") from error
        if not part:
            raise WireLost("the link was closed before the command ended")
        self._until += len(part) / SLOWEST_LINK
        return part

    def _patience(self) -> float:
        left = self._until - monotonic()
        if left <= 0:
            raise self._silent()
        return min(left, self._stall_s)

    def _silent(self) -> WireLost:
        if monotonic() >= self._until:
            return WireLost(f"not done within {self._within_s:g} s")
        return WireLost(f"nothing moved for {self._stall_s:g} s")


def _packets(stdin: Iterable[bytes]) -> Iterator[bytes]:
    """Wrap a command's input in packets, and close the input at the end."""
    for content in stdin:
        for start in range(0, len(content), CHUNK):
            piece = content[start : start + CHUNK]
            yield _HEADER.pack(_STDIN, len(piece)) + piece
    yield _HEADER.pack(_CLOSE_STDIN, 0)


def _unpacked(came: bytearray) -> Iterator[tuple[int, bytes]]:
    """Remove whole packets from the front of `came` and yield them; an incomplete one stays."""
    while len(came) >= _HEADER.size:
        kind, length = _HEADER.unpack_from(came)
        if len(came) < _HEADER.size + length:
            return
        body = bytes(came[_HEADER.size : _HEADER.size + length])
        del came[: _HEADER.size + length]
        yield kind, body
