"""The lab's own adb server: find it or start it on loopback, and ask it what is attached; never kill it."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from lab.device.adb.wire import STALL_S, Link, WireLost, WireRefused
from lab.errors import DeviceError, DeviceLost, DeviceRefused

VARIABLE = "POCKETLAB_ADB_SERVER"
DEFAULT = ("127.0.0.1", 16037)
"""Our own port: a client of another protocol kills the server that it finds on 5037, and with it every link."""

PROTOCOL = 41
"""`host:version` of adb 1.0.41, since platform-tools 28 (AOSP `adb.h`, ADB_SERVER_VERSION)."""

_PORT = re.compile("[0-9]{1,5}")

NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""The serials and device names that we accept: they come from the device and go into requests, paths and pages."""

NAME_WORDS = "1 to 64 of the characters A-Z a-z 0-9 . _ : -"

UNREADABLE = "unreadable"
"""The state of a device whose name we do not accept."""

_LISTED = re.compile(
    r"(?P<serial>.+?)\s+"
    r"(?P<state>device|offline|unauthorized|authorizing|connecting|detached|recovery|rescue|sideload|bootloader"
    r"|host|unknown|no permissions.*?)"
    r"(?:\s+(?:usb|product|model|device|features):\S*)*"
    r"\s+transport_id:(?P<number>[0-9]{1,18})"
)
"""A line of `host:devices-l` (AOSP `transport.cpp`, append_transport)."""

_KEPT = ("HOME", "PATH", "USER", "LANG", "ADB_VENDOR_KEYS")
_QUIET = {
    "ADB_MDNS": "0",  # no announcements, no UDP socket beyond loopback
    "ADB_MDNS_AUTO_CONNECT": "",
    "ADB_LOCAL_TRANSPORT_MAX_PORT": "0",  # no search for emulators: only devices attached on purpose
}


@dataclass(frozen=True)
class Attached:
    """One line of a server's list. `serial` is unchecked and may be hostile: see `checked_name`."""

    serial: str
    state: str
    transport_id: int


class Server:
    """An adb server by its address. One on loopback is started when nothing listens there; none is ever killed."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._greeted = False
        self._starting = Lock()

    @classmethod
    def from_environment(cls) -> Server:
        """Return the server that POCKETLAB_ADB_SERVER names as host:port, or else the lab's own."""
        text = os.environ.get(VARIABLE, "")
        if not text:
            return cls(*DEFAULT)
        host, _, port = text.rpartition(":")
        if not host or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
            raise DeviceRefused(f"{VARIABLE} is `{text}`; wanted host:port, for example 127.0.0.1:{DEFAULT[1]}")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def on_loopback(self) -> bool:
        """Say whether the server is on this machine: the lab starts no other."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def link(self, *, within_s: float, stall_s: float = STALL_S) -> Link:
        """Open a conversation; start the server first if it is on this machine and does not run.

        Raises `DeviceLost` when there is no server, `DeviceRefused` when it speaks another protocol.
        """
        try:
            link = self._dial(within_s, stall_s)
        except OSError as error:
            link = self._started(error, within_s, stall_s)
        if not self._greeted:
            try:
                self._greet()
            except BaseException:
                link.close()
                raise
        return link

    def ask(self, request: str, *, within_s: float) -> str:
        """Return the server's answer to a request to itself. Raises as `link` and `Link` do."""
        with self.link(within_s=within_s) as link:
            link.request(request)
            return link.block()

    def _dial(self, within_s: float, stall_s: float) -> Link:
        return Link((self.host, self.port), within_s=within_s, stall_s=stall_s)

    def _started(self, why: OSError, within_s: float, stall_s: float) -> Link:
        """Start the server, unless another thread just did, and dial again."""
        if not self.on_loopback:
            raise DeviceLost(
                f"adb server {self}: does not answer ({why}). The lab starts no server on another host: "
                f"start it there (`adb -a -P {self.port} start-server`, behind a tunnel), or change {VARIABLE}."
            )
        with self._starting:
            self._greeted = False
            try:
                return self._dial(within_s, stall_s)
            except OSError:
                said = _start_server(self.port)
        try:
            return self._dial(within_s, stall_s)
        except OSError as error:
            raise DeviceLost(
                f"adb server {self}: cannot be started: {said or error}. Free the port, or set {VARIABLE}."
            ) from error

    def _greet(self) -> None:
        """Refuse a server of another protocol; adb's own client would kill it."""
        who, wanted = f"adb server {self}", "ask for its version"
        try:
            with translated(who, wanted), self._dial(5.0, 5.0) as link:
                link.request("host:version")
                version = link.block()
        except OSError as error:
            raise DeviceLost(f"{who}: wanted to {wanted}; {error}. Try again.") from error
        try:
            found = int(version, 16)
        except ValueError:
            found = -1
        if found != PROTOCOL:
            raise DeviceRefused(
                f"adb server {self}: wanted protocol {PROTOCOL} (adb 1.0.{PROTOCOL}), found {found}. The lab does "
                f"not kill a server that it did not start: stop it yourself, or set {VARIABLE} to another port."
            )
        self._greeted = True


def _start_server(port: int) -> str:
    """Start adb's server in the background on loopback; return its complaint, empty if it started."""
    from adbutils import adb_path  # noqa: PLC0415 - 0.3 s to import, and rarely needed

    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [adb_path(), "-P", str(port), "start-server"],
            env={**kept, **_QUIET},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # must not receive our Ctrl-C
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.decode(errors="replace").strip()[-300:] if done.returncode else ""


@contextmanager
def translated(who: str, wanted: str) -> Iterator[None]:
    """Translate the wire's errors into the lab's: who, what was wanted, what was found, what to do."""
    try:
        yield
    except WireRefused as error:
        raise _refusal(who, wanted, str(error)) from error
    except WireLost as error:
        raise DeviceLost(
            f"{who}: wanted to {wanted}; {error}. Check its cable or network, and `lab devices`."
        ) from error


_SAID: tuple[tuple[str, type[DeviceError], str], ...] = (
    ("still authorizing", DeviceLost, "it is still authorizing: wait, or check the phone's screen"),
    ("still connecting", DeviceLost, "adb is still connecting to it: wait a moment"),
    ("unauthorized", DeviceRefused, "it is unauthorized: unlock the phone and accept this computer's key"),
    ("permissions", DeviceRefused, "this user may not open its USB device: add a udev rule or join `plugdev`"),
    (
        "more than one",
        DeviceRefused,
        "several devices have this serial: leave one attached, or attach them by TCP",
    ),
    ("offline", DeviceLost, "it is offline: it is starting, or its link broke; replug it if that does not change"),
    ("not found", DeviceLost, "it is not attached: plug it in, or `lab devices connect ADDRESS`"),
    ("closed", DeviceLost, "the device closed the link"),
)
"""The words of a FAIL (AOSP `transport.cpp`, acquire_one_transport), the error they mean, and what to do."""


def _refusal(who: str, wanted: str, said: str) -> DeviceError:
    for words, kind, meaning in _SAID:
        if words in said:
            return kind(f"{who}: wanted to {wanted}; {meaning} (adb: {said.splitlines()[0][:200]}).")
    return DeviceRefused(f"{who}: wanted to {wanted}; adb said: {said[:300]}")


def checked_name(name: str) -> str:
    """Return a device's serial or name; raises `DeviceRefused` if it could do harm in requests or paths."""
    if not NAME.fullmatch(name):
        raise DeviceRefused(
            f"a device calls itself {name[:80]!r}, which cannot be a name here: wanted {NAME_WORDS}. Detach it."
        )
    return name


def listed(text: str) -> list[Attached]:
    """Parse the answer to `host:devices-l`; keep a line that cannot be parsed, with the state `UNREADABLE`."""
    found = []
    for line in text.splitlines():
        if match := _LISTED.fullmatch(line.rstrip()):
            found.append(Attached(match["serial"].strip(), match["state"], int(match["number"])))
        elif line.strip():
            found.append(Attached(line.strip(), UNREADABLE, 0))
    return found


def attached(server: Server) -> list[Attached]:
    """Return the devices that a server knows, in any state."""
    with translated(f"adb server {server}", "list its devices"):
        return listed(server.ask("host:devices-l", within_s=10.0))


def track(server: Server) -> Iterator[list[Attached]]:
    """Yield the attached devices now and after each change, for ever; raises `DeviceLost` when the server ends."""
    long = 20 * 86400.0  # the longest that poll(2) can wait
    who = f"adb server {server}"
    with translated(who, "follow its devices"), server.link(within_s=long, stall_s=long) as link:
        link.request("host:track-devices-l")
        while True:
            yield listed(link.block())


def connect_tcp(server: Server, address: str) -> None:
    """Attach a device by host:port. Raises `DeviceLost` when it does not answer."""
    place = _checked_address(address)
    with translated(place, "connect over TCP"):
        said = server.ask(f"host:connect:{place}", within_s=30.0)
    if not said.startswith(("connected to", "already connected to")):  # adb says OKAY even when it failed
        raise DeviceLost(
            f"{place}: wanted to connect over TCP; adb said: {said.strip()[:200]}. "
            "Is the phone on this network, with adb over TCP switched on (`adb tcpip 5555`)?"
        )


def disconnect_tcp(server: Server, address: str) -> None:
    """Detach a device that was attached by host:port; do nothing if it is not attached."""
    place = _checked_address(address)
    with translated(place, "disconnect"):
        try:
            server.ask(f"host:disconnect:{place}", within_s=10.0)
        except WireRefused as error:
            if "no such device" not in str(error):
                raise


def _checked_address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if (
        not NAME.fullmatch(address)
        or not host
        or ":" in host
        or not _PORT.fullmatch(port)
        or not 0 < int(port) < 65536
    ):
        raise DeviceRefused(f"{address[:80]!r} is not an address; wanted host:port, for example 192.168.0.5:5555")
    return address
