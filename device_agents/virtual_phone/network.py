"""The phone's cable: a forwarder between a loopback address of this machine and adbd inside the phone.

The phone's network namespace has only `lo`, so this forwarder is the only way to adbd (which asks for no key).
splice(2) moves the bytes without copying them.

    up            carries bytes to adbd and back
    stalled       keeps connections and passes no byte, as a network that is down for a while
    unplugged     ends connections and refuses new ones
    unauthorized  asks for a key and accepts none, as a phone on which nobody tapped "allow"
    offline       accepts connections and never answers
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Literal

from device_agents.virtual_phone import linux
from device_agents.virtual_phone.errors import FarmError

State = Literal["up", "unplugged", "unauthorized", "offline"]
PORT = 5555  # adbd's own
_CHUNK = 1 << 20  # the most that fcntl(F_SETPIPE_SZ) allows anybody: /proc/sys/fs/pipe-max-size
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ; Python names it from 3.10 on Linux only with new headers

# The adb protocol (Android's packages/modules/adb/protocol.txt): six little-endian words, then the payload.
_HEADER = struct.Struct("<6I")
_AUTH = 0x48545541
_TOKEN = 1
_TOKEN_BYTES = 20


class Forwarder:
    """Listens on `host`:5555 and carries connections to the phone whose pid 1 is `pid()` (None: no phone)."""

    def __init__(self, host: str, pid: Callable[[], int | None]) -> None:
        self.host = host
        self.state: State = "unplugged"
        self._pid = pid
        self._lock = threading.RLock()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._flowing = threading.Event()
        self._flowing.set()
        self._stalled_until = 0.0

    def set(self, state: State) -> None:
        """Change the state of the cable and end all connections."""
        with self._lock:
            self.state = state
            self.cut()
            if state == "unplugged":
                if self._listener:
                    # close() alone would leave the other thread waiting in accept()
                    with contextlib.suppress(OSError):
                        self._listener.shutdown(socket.SHUT_RDWR)
                    self._listener.close()
                    self._listener = None
            elif self._listener is None:
                self._listener = self._listen()

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._flowing.set()  # waiting threads find their sockets closed

    def stall(self, seconds: float) -> None:
        """Let no byte pass for a while; a longer stall extends a shorter one."""
        with self._lock:
            self._stalled_until = max(self._stalled_until, time.monotonic() + seconds)
            self._flowing.clear()

    def flow(self) -> None:
        """End a stall now."""
        with self._lock:
            self._stalled_until = 0.0
            self._flowing.set()

    @property
    def stalled_s(self) -> float:
        """Seconds until a stall ends; 0 when there is none."""
        return max(0.0, self._stalled_until - time.monotonic())

    def _listen(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, PORT))
        except OSError as error:
            listener.close()
            raise FarmError(
                f"wanted {self.host}:{PORT} for a phone, found it in use ({error.strerror}): end another farm "
                "with `down`, or name other addresses with --network"
            ) from error
        listener.listen(64)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            state = self.state
            self._open.add(client)
        try:
            if state == "up":
                self._carry(client)
            elif state == "unauthorized":
                _ask_for_a_key(client)
            elif state == "offline":
                while client.recv(1 << 16):
                    pass
        except OSError:
            pass  # one end of the cable is gone, so the connection ends
        finally:
            with self._lock:
                self._open.discard(client)
            client.close()

    def _carry(self, client: socket.socket) -> None:
        self._flow_or_wait()
        pid = self._pid()
        if pid is None:
            return
        phone = inside(pid)
        with self._lock:
            self._open.add(phone)
        try:
            for end in (client, phone):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._move, args=(phone, client), daemon=True)
            back.start()
            self._move(client, phone)
            back.join()
        finally:
            with self._lock:
                self._open.discard(phone)
            phone.close()

    def _move(self, source: socket.socket, target: socket.socket) -> None:
        """Carry bytes one way until either end closes."""
        out, into = os.pipe()
        try:
            fcntl.fcntl(into, _SET_PIPE_SIZE, _CHUNK)
            while count := os.splice(source.fileno(), into, _CHUNK):
                while count:
                    self._flow_or_wait()
                    count -= os.splice(out, target.fileno(), count)
        except OSError:
            pass  # as in _serve
        finally:
            os.close(out)
            os.close(into)
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _flow_or_wait(self) -> None:
        while not self._flowing.is_set():
            if not self._flowing.wait(max(0.01, self.stalled_s)) and self.stalled_s == 0.0:
                self.flow()


_entering = threading.Lock()


def inside(pid: int) -> socket.socket:
    """Connect to adbd from within the phone's network namespace."""
    # A namespace belongs to a thread; the lock lets one thread at a time enter another.
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        away = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            with _entering:
                linux.enter(away, linux.NEW_NET)
                try:
                    handle = socket.socket()
                finally:
                    linux.enter(home, linux.NEW_NET)
        finally:
            os.close(away)
    finally:
        os.close(home)
    try:
        handle.connect(("127.0.0.1", PORT))
    except OSError:
        handle.close()
        raise
    return handle


def _ask_for_a_key(client: socket.socket) -> None:
    """Answer every packet with another token to sign, as a phone does that knows none of the keys."""
    asked = 0
    while True:
        header = _read(client, _HEADER.size)
        _read(client, _HEADER.unpack(header)[3])
        if asked < 8:  # after the signatures comes a key: a real phone then shows its dialogue and stays silent
            token = os.urandom(_TOKEN_BYTES)
            client.sendall(_HEADER.pack(_AUTH, _TOKEN, 0, len(token), sum(token), _AUTH ^ 0xFFFFFFFF) + token)
            asked += 1


def _read(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = client.recv(count - len(found))
        if not part:
            raise ConnectionResetError
        found += part
    return found
