"""An Android device's name, agent and description; connecting to a virtual phone over a real adbd."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lab.device.adb.transport import AdbTransport, Attached, Server
from lab.device.android import SCRATCH, abis, bundle_for, connect, describe, kind_of, name_of
from lab.errors import DeviceLost, DeviceRefused
from tests.farm_phones import Phone


def test_a_name_is_the_serial_unless_it_says_nothing() -> None:
    """Many devices report 0123456789ABCDEF; a hostile name is refused."""
    assert name_of("R58N12ABC", "192.168.0.5:5555", []) == "R58N12ABC"
    assert name_of("0123456789ABCDEF", "192.168.0.5:5555", []) == "192.168.0.5:5555"
    assert name_of("0123456789abcdef", "192.168.0.5:5555", []) == "192.168.0.5:5555"
    assert name_of("", "ABC", []) == "ABC"
    assert name_of("ABC", "192.168.0.5:5555", ["ABC"]) == "192.168.0.5:5555"
    with pytest.raises(DeviceRefused, match="calls itself"):
        name_of("a/x", "ABC", [])


@pytest.mark.parametrize("word", ["host", "all", "soc:MT6989", ".", "..", "-x"])
def test_a_name_with_another_meaning_is_refused(word: str) -> None:
    """`--device host` is always this machine, never a phone with that name."""
    assert name_of(word, "192.168.0.5:5555", []) == "192.168.0.5:5555"
    with pytest.raises(DeviceRefused, match="which means something else to the lab"):
        name_of(word, word, [])


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        ({"ro.boot.pocketlab.kind": "virtual"}, "virtual"),
        ({"ro.boot.pocketlab.kind": "emulated"}, "emulated"),
        ({"ro.hardware": "ranchu", "ro.kernel.qemu": "1"}, "emulated"),
        ({"ro.boot.qemu": "1"}, "emulated"),
        ({"ro.kernel.qemu": "1"}, "emulated"),
        ({"ro.hardware": "goldfish"}, "emulated"),
        ({"ro.hardware": "cutf_cvm"}, "emulated"),
        ({"ro.hardware": "vsoc_x86_64"}, "emulated"),
        ({"ro.hardware": "vbox86"}, "emulated"),
        ({"ro.boot.hardware": "ranchu"}, "emulated"),
        ({"ro.hardware": "mt6989", "ro.build.characteristics": "phone,emulator"}, "phone"),
        ({"ro.hardware": "mt6989", "ro.kernel.qemu": "0"}, "phone"),
        ({}, "phone"),
    ],
)
def test_an_emulator_is_no_phone(properties: dict[str, str], kind: str) -> None:
    """Its times are no measurements. What a phone says of its build is no sign: some said "emulator"."""
    assert kind_of(properties) == kind


def test_the_agent_for_androids_own_libc_comes_first() -> None:
    """Only it can load the vendor's libraries."""
    assert abis("aarch64", android=True) == ("android-arm64", "arm64")
    assert abis("aarch64", android=False) == ("arm64",)
    assert abis("x86_64", android=False) == ("x86_64",)


@pytest.fixture
def server(phone: Phone) -> Server:
    """The tests' adb server, with the first phone attached."""
    phone.connect()
    return Server("127.0.0.1", phone.adb_server)


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    """A folder of agents with one bundle, which no test runs."""
    folder = tmp_path / "agents" / "x86_64"
    folder.mkdir(parents=True)
    told = {"abi": "x86_64", "id": "ab" * 32, "agent": "native", "runtime": "onnxruntime 1.32.0", "files": []}
    (folder / "bundle.json").write_text(json.dumps({**told, "argv": ["{folder}/ld.so", "{folder}/agent"]}))
    return tmp_path / "agents"


def test_connecting_gives_identity_facts_and_agent(server: Server, phone: Phone, agents: Path) -> None:
    """Identity, facts and agent, in one round trip after the proof of identity."""
    begin = time.monotonic()
    device = connect(server, phone.address, agents)
    took_s = time.monotonic() - begin
    assert took_s < 5, "a hang, not a slow machine"
    assert (device.identity.name, device.identity.kind) == ("virtual-1", "virtual")
    assert device.identity.model.startswith("MT6989 (")
    assert device.identity.cores
    assert device.agent == (f"{SCRATCH}/agents/{'ab' * 32}/ld.so", f"{SCRATCH}/agents/{'ab' * 32}/agent")
    assert (device.scratch, device.bundle) == (SCRATCH, agents / "x86_64")
    assert device.shares_host
    facts = device.facts
    assert (facts["soc"], facts["sdk"], facts["security_patch"]) == ("MT6989", "34", "2024-08-05")
    assert facts["cpu_max_khz"] == "2000000,2850000,3250000"
    assert facts["runtime"] == "onnxruntime 1.32.0"
    assert facts["agent"] == "native x86_64, bundle abababababab"
    assert "" not in facts.values()
    assert connect(server, phone.address, agents).identity == device.identity


def test_a_device_without_an_agent_is_refused_with_what_to_do(
    server: Server, phone: Phone, tmp_path: Path
) -> None:
    """The lab does not build an agent unasked."""
    with pytest.raises(DeviceRefused, match="make agent ABI=x86_64"):
        connect(server, phone.address, tmp_path)


def test_a_damaged_bundle_is_refused(server: Server, phone: Phone, agents: Path) -> None:
    """Its id goes into a path on the device."""
    path = agents / "x86_64" / "bundle.json"
    path.write_text(path.read_text().replace("ab" * 32, "../../x"))
    with pytest.raises(DeviceRefused, match=r"is no agent bundle \(id: String should match"):
        connect(server, phone.address, agents)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": "../../x"}, "id: String should match"),
        ({"argv": []}, "argv: Tuple should have at least 1 item"),
        ({"argv": "sh"}, "argv: Input should be a valid tuple"),
        ({"argv": ["agent", 1]}, r"argv\.1: Input should be a valid string"),
        ({"argv": ["a\0b"]}, r"argv\.0: String should match"),
        ({"runtime": "x" * 100_000}, "runtime: String should have at most 1000 characters"),
        ({"agent": "\x1b]52;c;A\x07"}, "agent: String should match"),
    ],
)
def test_a_bundle_that_says_something_else_is_refused(tmp_path: Path, change: dict[str, object], why: str) -> None:
    """The message names the file and the key, and how the bundle is built again."""
    path = tmp_path / "x86_64" / "bundle.json"
    path.parent.mkdir()
    good = {"id": "ab" * 32, "agent": "native", "runtime": "onnxruntime 1", "argv": ["agent"]}
    path.write_text(json.dumps(good))
    assert bundle_for(tmp_path, ("x86_64",), "serial").argv == ("agent",)
    path.write_text(json.dumps(good | change))

    with pytest.raises(DeviceRefused, match=rf"bundle\.json: is no agent bundle \({why}.*; build it again: "):
        bundle_for(tmp_path, ("x86_64",), "serial")


def test_a_line_of_the_list_says_what_the_phone_says(server: Server, phone: Phone) -> None:
    """Free space, temperature, thermal status."""
    line = describe(server, Attached(phone.address, "device", 1))
    assert (line.name, line.kind, line.soc, line.android, line.state) == (
        "virtual-1",
        "virtual",
        "MT6989",
        "14",
        "device",
    )
    assert line.free_bytes is not None
    assert line.free_bytes > 2**20
    assert line.celsius is not None
    assert 10 < line.celsius < 60
    assert line.thermal_status is not None
    assert line.detail == ""


def test_a_device_that_cannot_be_used_is_listed_with_its_reason(server: Server, phone: Phone) -> None:
    """A list shows everything that is attached."""
    line = describe(server, Attached("127.0.0.1:1", "offline", 9))
    assert (line.state, line.celsius, line.free_bytes) == ("offline", None, None)
    assert "not attached" in line.detail
    hostile = describe(server, Attached("x; reboot", "device", 9))
    assert "wanted 1 to 64 of the characters" in hostile.detail
    assert hostile.name == "'x; reboot'"


def test_a_device_that_went_away_is_lost_not_refused(server: Server, phone: Phone, agents: Path) -> None:
    """Trying again may help."""
    phone.fault("unplug")
    with pytest.raises(DeviceLost):
        connect(server, phone.address, agents)


def test_a_phone_with_an_unusable_name_is_not_ready(server: Server, phone: Phone) -> None:
    """`--device all` leaves it out, instead of failing on connecting to it."""
    phone.fault("change-identity", "a/../x")
    AdbTransport(server, phone.address).reconnect(timeout_s=20)
    line = describe(server, Attached(phone.address, "device", 1))
    assert (line.name, line.state) == (phone.address, "unreadable")
    assert "calls itself 'a/../x'" in line.detail
