"""The lab's adb server is started on loopback only and never killed; its errors are translated."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from lab.device.adb.server import checked_name, listed
from lab.device.adb.transport import AdbTransport, Attached, Server, attached, connect_tcp
from lab.errors import DeviceLost, DeviceRefused


@pytest.fixture
def free_port() -> int:
    """Give a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


Moods = Callable[[dict[str, bytes]], Server]


@pytest.fixture
def stand_in() -> Iterator[Moods]:
    """A socket that answers requests with given answers, as an adb server would."""
    listener = socket.create_server(("127.0.0.1", 0))
    moods: dict[str, bytes] = {"host:version": b"OKAY00040029"}

    def answer(conversation: socket.socket) -> None:
        with conversation, suppress(ConnectionError, ValueError):
            while length := conversation.recv(4):
                request = conversation.recv(int(length, 16)).decode()
                conversation.sendall(moods.get(request, b""))

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()

    def make(answers: dict[str, bytes]) -> Server:
        moods.update(answers)
        return Server(*listener.getsockname())

    yield make
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def failing(text: str) -> bytes:
    """Say FAIL as adb does."""
    return b"FAIL%04x" % len(text) + text.encode()


def owners_of(port: int) -> list[psutil.Process]:
    """Return the processes that listen on a port of loopback."""
    found = (one for one in psutil.net_connections("tcp") if one.status == "LISTEN")
    return [psutil.Process(one.pid) for one in found if one.pid and one.laddr and one.laddr.port == port]


def test_a_server_is_started_when_there_is_none_and_listens_on_loopback_only(free_port: int) -> None:
    """It opens no UDP socket: adb's search for devices on the network is off."""
    server = Server("127.0.0.1", free_port)
    try:
        assert attached(server) == []
        (process,) = owners_of(free_port)
        addresses = {one.laddr.ip for one in process.net_connections("inet")}
        assert addresses <= {"127.0.0.1", "::1"}
        assert attached(Server("127.0.0.1", free_port)) == []
        assert owners_of(free_port) == [process], "a second lab uses the first one's server"
    finally:
        for process in owners_of(free_port):
            process.kill()


def test_our_server_is_started_again_after_its_death(free_port: int) -> None:
    """A killed server must not end a night's run."""
    server = Server("127.0.0.1", free_port)
    try:
        attached(server)
        (first,) = owners_of(free_port)
        first.kill()
        first.wait(5)
        assert attached(server) == []
        assert owners_of(free_port) != [first]
    finally:
        for process in owners_of(free_port):
            process.kill()


def test_no_server_is_started_on_another_host() -> None:
    """The message says which server is missing, and how to start it on its host."""
    with pytest.raises(DeviceLost, match=r"192\.0\.2\.1:5037: does not answer .* start it there"):
        Server("192.0.2.1", 5037).link(within_s=0.2)  # TEST-NET-1: nothing is there (RFC 5737)


def test_a_server_of_another_protocol_is_refused_not_killed(
    stand_in: Moods,
) -> None:
    """Adb's own client would kill it, and with it every link."""
    server = stand_in({"host:version": b"OKAY00040028"})
    with pytest.raises(DeviceRefused, match=r"wanted protocol 41 .* found 40.*does not kill"):
        attached(server)


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (
            "device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set",
            DeviceRefused,
            "accept this computer",
        ),
        ("device still authorizing", DeviceLost, "still authorizing"),
        ("device offline", DeviceLost, "offline"),
        ("insufficient permissions for device: user in plugdev group", DeviceRefused, "udev rule"),
        ("more than one device/emulator", DeviceRefused, "several devices have this serial"),
        ("device 'ABC' not found", DeviceLost, "not attached"),
        ("something new", DeviceRefused, "adb said: something new"),
    ],
)
def test_each_way_of_being_unusable_has_its_own_words(
    stand_in: Moods, said: str, kind: type[Exception], told: str
) -> None:
    """Texts: AOSP transport.cpp. Each names the device, what was wanted, and what to do."""
    server = stand_in({"host:tport:serial:ABC": failing(said)})
    with pytest.raises(kind, match=rf"^ABC: wanted to run `true`; .*{told}"):
        AdbTransport(server, "ABC").shell(["true"], timeout_s=5)


def test_a_device_that_knows_only_the_first_shell_protocol_is_refused(
    stand_in: Moods,
) -> None:
    """Version 1 has no exit status: a failed command would look like a good one."""
    server = stand_in(
        {
            "host:tport:serial:ABC": b"OKAY" + (7).to_bytes(8, "little"),
            "host-transport-id:7:features": b"OKAY0003cmd",
        }
    )
    with pytest.raises(DeviceRefused, match="loses exit statuses"):
        AdbTransport(server, "ABC").shell(["true"], timeout_s=5)


def test_a_failed_connection_is_an_error_although_adb_says_okay(
    stand_in: Moods,
) -> None:
    """Adb answers host:connect with OKAY, and puts the failure into the text."""
    text = b"failed to connect to '127.0.0.9:5555': Connection refused"
    server = stand_in({"host:connect:127.0.0.9:5555": b"OKAY%04x" % len(text) + text})
    with pytest.raises(DeviceLost, match=r"127\.0\.0\.9:5555: wanted to connect .*Connection refused"):
        connect_tcp(server, "127.0.0.9:5555")


@pytest.mark.parametrize("serial", ["", "a b", "x;reboot", "../../etc", "a\nb", "ü", "a" * 65, "a\0"])
def test_a_hostile_serial_is_refused_in_words(serial: str) -> None:
    """It would go into requests, file names and pages."""
    with pytest.raises(DeviceRefused, match="wanted 1 to 64 of the characters"):
        checked_name(serial)


@pytest.mark.parametrize("address", ["", "host", ":5555", "host:0", "host:99999", "a:b:5555", "h;x:55", "h\n:55"])
def test_a_hostile_address_is_refused_in_words(address: str) -> None:
    """Addresses come from people and from a remembered file."""
    with pytest.raises(DeviceRefused, match="is not an address"):
        connect_tcp(Server("127.0.0.1", 1), address)


def test_a_list_of_devices_keeps_what_it_cannot_read() -> None:
    """Lines as adb 36 prints them, and one whose serial holds a line break."""
    text = (
        "ABC123                 device usb:1-2 product:pd model:V2309A device:PD transport_id:3\n"
        "127.0.77.1:5555        offline transport_id:12\n"
        "DEF                    no permissions (missing udev rules? user is in the plugdev group); see "
        "[http://developer.android.com/tools/device.html] usb:1-3 transport_id:4\n"
        "half of a serial\n"
    )
    assert listed(text) == [
        Attached("ABC123", "device", 3),
        Attached("127.0.77.1:5555", "offline", 12),
        Attached(
            "DEF",
            "no permissions (missing udev rules? user is in the plugdev group); see "
            "[http://developer.android.com/tools/device.html]",
            4,
        ),
        Attached("half of a serial", "unreadable", 0),
    ]


def test_the_server_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own port by default; anything but host:port is refused."""
    monkeypatch.delenv("POCKETLAB_ADB_SERVER", raising=False)
    assert str(Server.from_environment()) == "127.0.0.1:16037"
    monkeypatch.setenv("POCKETLAB_ADB_SERVER", "rack:5037")
    assert str(Server.from_environment()) == "rack:5037"
    assert not Server.from_environment().on_loopback
    monkeypatch.setenv("POCKETLAB_ADB_SERVER", "rack")
    with pytest.raises(DeviceRefused, match="wanted host:port"):
        Server.from_environment()
