"""Which device a person means by a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device import android, roster
from lab.device.adb.server import Server, connect_tcp, disconnect_tcp, listed
from lab.device.android import Description
from lab.device.roster import Entry
from lab.errors import DeviceError, DeviceLost, DeviceRefused, DeviceStarting
from tests.farm_phones import Phone


def entry(name: str, *, soc: str = "MT6989", state: str = "device", quarantined: str | None = None) -> Entry:
    """Make an entry of the list."""
    found = Description(name, f"serial-{name}", "phone", soc, "14", state, None, None, None, "")
    return Entry(found, "", quarantined)


ENTRIES = [
    entry("a"),
    entry("b", soc="SM8650"),
    entry("c", state="unauthorized"),
    entry("d", quarantined="3 failures in a row"),
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ["a"]),
        ("serial-a", ["a"]),
        ("host", ["host"]),
        ("soc:mt6989", ["a"]),
        ("all", ["a", "b"]),
        ("b, host,a", ["b", "host", "a"]),
        ("a,all", ["a", "b"]),
    ],
)
def test_a_device_is_meant_by_many_words(text: str, names: list[str]) -> None:
    """Each device once, in the order named; `all` is what is attached, not the host."""
    chosen = roster.choose(text, ENTRIES, tell=lambda words: None)

    assert [each if isinstance(each, str) else each.name for each in chosen] == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", r"no device 'x'; known: host, a \(MT6989\), b \(SM8650\)"),
        ("c", "c: unauthorized; unlock its screen and allow USB debugging"),
        ("d", "quarantined: 3 failures in a row; .* `lab devices release d`"),
        ("soc:MT9999", "no usable device with SoC MT9999"),
        (",", "wanted a device"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_list(text: str, words: str) -> None:
    """Wanted, found, and what to do."""
    with pytest.raises(DeviceRefused, match=words):
        roster.choose(text, ENTRIES, tell=lambda said: None)


def test_what_all_leaves_out_is_said() -> None:
    """An unauthorized phone and a quarantined one, each with what to do."""
    said: list[str] = []

    roster.choose("all", ENTRIES, tell=said.append)

    assert [words.partition(": ")[2][:2] for words in said] == ["c:", "d:"]


def test_what_a_soc_leaves_out_is_said() -> None:
    """Of another SoC, of an unknown one, and attached twice."""
    said: list[str] = []
    twice = Entry(replace(entry("a").found, also=("192.168.1.77:5555",)))

    roster.choose("soc:MT6989", [twice, *ENTRIES[1:]], tell=said.append)

    assert said == [
        "left out: 192.168.1.77:5555: it is a, which is attached twice",
        "left out: b: its SoC is SM8650",
        "left out: c: unauthorized; unlock its screen and allow USB debugging for this computer; if no prompt "
        "appears, replug it",
        "left out: d: quarantined: 3 failures in a row; once that is fixed: `lab devices release d`",
    ]


@pytest.mark.parametrize(
    ("soc", "platform", "wanted", "chosen"),
    [
        ("MT6989W/TCZA", "mt6989", "MT6989", True),
        ("MT6989W/TCZA", "", "mt6989", True),
        ("MT6989W/TCZA", "", "MT6989W", True),
        ("Dimensity 9300", "mt6989", "MT6989", True),
        ("MT6989", "", "MT6989W", False),
        ("MT69891", "", "MT6989", False),
        ("MT6985", "mt6985", "MT6989", False),
        ("unknown", "", "MT6989", False),
        ("MT6989", "mt6989", "", False),
    ],
)
def test_a_soc_is_known_by_the_beginning_of_its_name_or_by_its_platform(
    soc: str, platform: str, wanted: str, chosen: bool
) -> None:
    """Vendors append a variant; what is not chosen is named."""
    said: list[str] = []
    entries = [Entry(replace(entry("a").found, soc=soc, platform=platform))]
    try:
        found = roster.choose(f"soc:{wanted}", entries, tell=said.append)
    except DeviceRefused as error:
        assert f"a ({soc})" in str(error)
        found = []
    assert bool(found) == chosen
    assert said == ([] if chosen else [f"left out: a: its SoC is {soc}"])


def way(serial: str, *, own: str = "K70U0001", boot: str = "b1", state: str = "device") -> Description:
    """Make the description of one way to a phone."""
    found = replace(entry("x").found, name=own or serial, serial=serial, state=state)
    return replace(found, own_serial=own, boot_id=boot)


def test_a_phone_attached_in_several_ways_is_one_entry() -> None:
    """Its cable first, then its address; it answers to each."""
    mdns = "adb-K70U0001-aBcDeF._adb-tls-connect._tcp"
    (found,) = roster.once([way("192.168.1.77:5555"), way(mdns), way("K70U0001")])

    assert (found.serial, found.also) == ("K70U0001", ("192.168.1.77:5555", mdns))
    one = Entry(found)
    assert one.advice == f"also at 192.168.1.77:5555, {mdns}"
    assert roster.choose(f"K70U0001,192.168.1.77:5555,{mdns},all", [one], tell=lambda said: None) == [one]


@pytest.mark.parametrize(
    "ways",
    [
        [way("K70U0001"), way("192.168.1.77:5555", boot="b2")],  # two phones that share a serial
        [way("USB1", own=""), way("USB2", own="")],  # a dummy serial
        [way("USB1", boot=""), way("USB2", boot="")],  # no boot id: nobody knows
        [way("K70U0001", state="offline"), way("192.168.1.77:5555")],
    ],
)
def test_what_is_not_known_to_be_one_phone_stays_two(ways: list[Description]) -> None:
    """Only the same serial in the same boot is one phone."""
    assert roster.once(ways) == ways


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("unauthorized", "unlock its screen"),
        ("offline", "replug it, or restart it"),
        ("no permissions (user in plugdev group; are your udev rules wrong?)", "add a udev rule"),
        ("authorizing", "look again in a moment"),
        ("connecting", "look again in a moment"),
        ("detached", "replug it"),
        ("recovery", "restart it"),
        ("rescue", "restart it"),
        ("sideload", "restart it"),
        ("bootloader", "restart it"),
        ("host", "detach it"),
        ("unknown", "replug it, or restart it"),
    ],
)
def test_each_of_adbs_states_keeps_its_name_and_its_advice(state: str, advice: str) -> None:
    """As adb lists it, with what to do; nothing is said of a shell that nobody asked."""
    (device,) = listed(f"K70U0001 {state} usb:1-1 product:P model:M device:D transport_id:3\n")
    found = Entry(android.nothing_known(device.serial, device.state, "adb's own words"))

    assert found.state == state
    assert found.advice.startswith(f"{state}; ")
    assert advice in found.advice
    assert "adb's own words" not in found.advice


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (DeviceStarting("x: is still starting"), "starting"),
        (DeviceLost("x: `sh` did not end within 20 s, and was killed"), "silent"),
        (DeviceRefused("x: wanted Android 7 or later"), "refused"),
    ],
)
def test_each_error_keeps_its_own_state_and_words(error: DeviceError, state: str) -> None:
    """A phone that is starting, one that hangs, and one that says no are three things."""
    found = Entry(android.nothing_known("x", android.state_of(error), str(error)))

    assert found.state == state
    assert str(error) in found.advice
    assert found.advice.count("restart it") == (state == "silent")


@pytest.mark.parametrize(
    ("line", "named", "advice"),
    [
        (
            "adb-4c7a0001-aBcDeF (2)._adb-tls-connect._tcp device product:P model:M device:D transport_id:1",
            "'adb-4c7a0001-aBcDeF (2)._adb-tls-connect._tcp'",
            "connect to the same phone by its address: `lab devices connect IP:PORT`",
        ),
        (
            "MY PHONE              device usb:1-1 product:P model:M device:D transport_id:7",
            "'MY PHONE'",
            "(`adb -P 1 -t 7 tcpip 5555` opens port 5555)",
        ),
        ("some line of a newer adb", "'some line of a newer adb'", "`lab devices connect IP:PORT`"),
    ],
)
def test_a_name_that_cannot_be_used_is_unreadable_and_its_shell_is_not_blamed(
    line: str, named: str, advice: str
) -> None:
    """Nothing is asked of the phone: the advice needs no name."""
    (device,) = listed(line)
    found = Entry(android.describe(Server("127.0.0.1", 1), device))

    assert (found.state, found.usable, found.name, found.found.kind) == ("unreadable", False, named, None)
    assert found.advice.startswith(f"unreadable; adb lists it as {named}; wanted 1 to 64 of the characters")
    assert found.advice.endswith(advice)
    with pytest.raises(DeviceRefused, match="connect IP:PORT"):
        roster.choose("K70U0001", [found])


@pytest.fixture
def second_way(phone: Phone) -> Iterator[str]:
    """Another address of the first phone: a socket that passes everything on."""
    host, _, port = phone.address.rpartition(":")
    opened = [socket.create_server(("127.0.0.1", 0))]
    pumps: list[threading.Thread] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, far = opened[0].accept()[0], socket.create_connection((host, int(port)))
                opened.extend((near, far))
                for pair in ((near, far), (far, near)):
                    pumps.append(threading.Thread(target=pump, args=pair, daemon=True))
                    pumps[-1].start()

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    yield f"127.0.0.1:{opened[0].getsockname()[1]}"
    for each in opened:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
    for thread in (serving, *pumps):
        thread.join()
    for each in opened:
        each.close()


def test_a_phone_behind_two_addresses_is_listed_once(phone: Phone, second_way: str, tmp_path: Path) -> None:
    """Over a real adb server and a real adbd; both addresses name it."""
    phone.connect()
    server = Server("127.0.0.1", phone.adb_server)
    connect_tcp(server, second_way)
    try:
        (found,) = (one for one in roster.look(server, tmp_path) if one.name == phone.name)
    finally:
        disconnect_tcp(server, second_way)

    assert {found.found.serial, *found.found.also} == {phone.address, second_way}
    assert found.called(second_way)
    assert found.called(phone.address)
