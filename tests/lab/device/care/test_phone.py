"""Care of a virtual phone, over a real adb server and a real adbd, by Android's own commands."""

from __future__ import annotations

import dataclasses
import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lab.device.adb.transport import AdbTransport, Server
from lab.device.care.prepare import Prepared, Setting, facts, prepare
from lab.device.care.restore import restore
from lab.device.care.settings import FIXED, OBSERVE
from lab.device.lease import SCRATCH
from lab.device.transport import Completed, Device
from lab.errors import DeviceRebooted, DeviceRefused
from lab.records import DeviceIdentity, Profile
from tests.farm_phones import Phone
from tests.lab_process import ROOT, run_lab
from tests.phone_person import soon

SETTINGS = (
    "settings list global; settings list secure; settings list system; dumpsys deviceidle; "
    "dumpsys power | grep -v mBatteryLevel"  # a battery charges and drains by itself
)


AS_BOUGHT = """
cd /metadata/pocketlab && rm -f flags/* settings/global/*_scale
for one in global/stay_on_while_plugged_in=0 global/low_power=0 system/screen_brightness=102 \\
  system/screen_brightness_mode=1 system/screen_off_timeout=60000; do echo ${one#*=} >settings/${one%=*}; done
"""


@pytest.fixture
def owned(phone: Phone) -> Iterator[Phone]:
    """Yield the phone with its original settings, and reset them afterwards."""
    phone.adb("shell", AS_BOUGHT)
    yield phone
    phone.restore()
    phone.adb("shell", AS_BOUGHT)


def device_of(phone: Phone) -> Device:
    """Return the phone as care needs it, on the tests' own adb server."""
    phone.connect()
    return Device(
        identity=DeviceIdentity(phone.name, "virtual", "MT6989", "x", (0,)),
        transport=AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address),
        agent=(),
        environment={},
        scratch=SCRATCH,
    )


def named(found: Prepared) -> dict[str, Setting]:
    """Return the settings by name."""
    return {one.name: one for one in found.settings}


def test_a_virtual_phone_is_prepared_and_put_back(owned: Phone, tmp_path: Path) -> None:
    """Every setting is applied by Android's own commands, and undone."""
    owned.adb("shell", "settings put system screen_brightness 90; input keyevent KEYCODE_SLEEP")
    before = owned.shell(SETTINGS)

    found = named(prepare(device_of(owned), "observe", tmp_path))

    assert {one.outcome for one in found.values()} <= {"applied", "already"}
    assert found["wakefulness"].outcome == "applied"
    assert owned.shell("settings get system screen_brightness") == "1\n"
    assert restore(device_of(owned), tmp_path).told == ()
    assert owned.shell(SETTINGS) == before


def test_fixed_performance_is_proven_by_the_clocks(owned: Phone, tmp_path: Path) -> None:
    """It counts as applied when every policy's two limits are one clock and stay so; restoring ends it."""
    found = named(prepare(device_of(owned), "fixed", tmp_path))["fixed_performance"]

    assert (found.before, found.after, found.outcome) == ("not held", "1700000,2450000,2800000", "applied")
    assert facts(Prepared((found,))) == {"care_fixed_performance": "applied held"}
    assert restore(device_of(owned), tmp_path).told == ()
    assert "fixed_performance" not in owned.shell("ls /metadata/pocketlab/flags")


@pytest.mark.parametrize(
    ("fault", "name", "became"),
    [
        ("settings refuse", "screen_brightness", ("refused", "java.lang.SecurityException")),
        ("settings lie", "screen_brightness", ("refused", "reported success but still reads 102")),
        ("settings vanish", "screen_brightness", ("refused", "Can't find service: settings")),
        ("deviceidle lie", "doze", ("refused", "reported success but still reads on")),
        ("deviceidle refuse", "doze", ("refused", "Permission Denial")),
        ("fixed-performance refuse", "fixed_performance", ("refused", "Failed to set FIXED_PERFORMANCE mode")),
        (
            "fixed-performance lie",
            "fixed_performance",
            ("unverifiable", "reported success but still reads not held"),
        ),
    ],
)
def test_a_phone_that_refuses_or_lies_is_not_believed(
    owned: Phone, tmp_path: Path, fault: str, name: str, became: tuple[str, str]
) -> None:
    """The detail has the phone's own words; everything is put back once the phone behaves."""
    before = owned.shell(SETTINGS)
    owned.fault("sensor", fault)

    profile: Profile = "fixed" if name == "fixed_performance" else "observe"

    found = named(prepare(device_of(owned), profile, tmp_path))[name]

    assert found.outcome == became[0]
    assert became[1] in found.detail
    owned.restore()
    assert restore(device_of(owned), tmp_path).told == ()
    assert owned.shell(SETTINGS) == before


def test_a_tool_that_hangs_costs_its_deadline_once(
    owned: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The phone kills the command, and the other settings are applied."""
    monkeypatch.setattr("lab.device.care.shell.CALL_S", 2.0)
    owned.fault("sensor", "settings hang")

    found = named(prepare(device_of(owned), "observe", tmp_path))

    assert found["low_power"] == Setting(
        "low_power", "0", "", "", "unverifiable", "`settings` did not answer within 2 s"
    )
    assert found["doze"].outcome == "applied"
    owned.restore()
    assert restore(device_of(owned), tmp_path).pending == ()


def test_adbs_shell_has_no_root_to_pin_with(owned: Phone, tmp_path: Path) -> None:
    """The refusal gives the reason, and nothing is changed."""
    before = owned.shell(SETTINGS)

    with pytest.raises(DeviceRefused, match=rf"{owned.name}: .* changes clocks, which needs root.*uid 2000"):
        prepare(device_of(owned), "rooted", tmp_path)
    assert owned.shell(SETTINGS) == before


class RootShell(AdbTransport):
    """The same phone with a root shell, through its supervisor: Debian's adbd refuses `adb root`."""

    phone: Phone

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a command as uid 0."""
        try:
            return Completed(0, self.phone.shell(shlex.join(argv)), "")
        except subprocess.CalledProcessError as error:
            return Completed(error.returncode, error.stdout, error.stderr)


def test_root_pins_the_clocks_of_a_virtual_phone(owned: Phone, tmp_path: Path) -> None:
    """All three policies are held at the clock nearest to 60 %."""
    transport = RootShell(Server("127.0.0.1", owned.adb_server), owned.address)
    transport.phone = owned
    device = dataclasses.replace(device_of(owned), transport=transport)
    limit = "cat /sys/devices/system/cpu/cpufreq/policy*/scaling_m*_freq"
    before = owned.shell(limit)

    found = named(prepare(device, "rooted", tmp_path))

    pinned = {name: one for name, one in found.items() if name.startswith("policy")}
    assert {one.outcome for one in pinned.values()} == {"applied"}
    assert owned.shell(limit).split() == ["1150000"] * 2 + ["1650000"] * 2 + ["1900000"] * 2
    assert restore(device, tmp_path).told == ()
    assert owned.shell(limit) == before


KILL_AT = """
import os, signal, sys
from pathlib import Path
from lab.device.adb.server import Server
from lab.device.adb.transport import AdbTransport
from lab.device.care.prepare import prepare
from lab.device.care.restore import restore
from lab.device.transport import Device
from lab.records import DeviceIdentity, Profile
port, address, name, root, last, before = sys.argv[1:]
asked = 0
class Mortal(AdbTransport):
    def shell(self, argv, *, timeout_s):
        global asked
        asked += 1
        if asked == int(last) and before == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = super().shell(argv, timeout_s=timeout_s)
        if asked == int(last):
            os.kill(os.getpid(), signal.SIGKILL)
        return done
transport = Mortal(Server("127.0.0.1", int(port)), address)
device = Device(DeviceIdentity(name, "virtual", "x", "x", (0,)), transport, (), {}, "/data/local/tmp/pocketlab")
prepare(device, "observe", Path(root))
restore(device, Path(root))
"""


@pytest.mark.parametrize(
    ("step", "when", "changed"),
    [(13, "before", False), (13, "after", True), (23, "before", True), (42, "after", True)],
    ids=["journalled and not written", "written and not read back", "in between", "half put back"],
)
def test_kill_minus_nine_leaves_nothing_that_the_next_contact_does_not_undo(
    owned: Phone, tmp_path: Path, step: int, when: str, changed: bool
) -> None:
    """A second lab is killed at a given command: the 13th is the first that changes something."""
    before = owned.shell(SETTINGS)
    owned.connect()
    words = [str(owned.adb_server), owned.address, owned.name, str(tmp_path), str(step), when]

    killed = subprocess.run([sys.executable, "-c", KILL_AT, *words], cwd=ROOT, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert (owned.shell(SETTINGS) != before) == changed
    assert restore(device_of(owned), tmp_path).told == ()
    assert owned.shell(SETTINGS) == before
    assert json.loads((tmp_path / "devices/care.json").read_text()) == []


def test_after_a_reboot_what_it_undid_is_dropped(owned: Phone, tmp_path: Path) -> None:
    """Fixed performance ended with the reboot, and brightness is put back."""
    device = device_of(owned)
    before = owned.shell("settings list global; settings list system")
    prepare(device, "fixed", tmp_path)
    owned.fault("reboot")
    with pytest.raises(DeviceRebooted):
        device.transport.reconnect(timeout_s=60)

    assert restore(device, tmp_path).told == ()
    assert owned.shell("settings list global; settings list system") == before
    assert json.loads((tmp_path / "devices/care.json").read_text()) == []


def test_a_phone_that_was_unplugged_is_put_back_by_the_command(owned: Phone, tmp_path: Path) -> None:
    """`lab devices restore` fails while the phone is away or refuses, then restores it, then has nothing to do."""
    data = tmp_path / "data"
    variables = {"POCKETLAB_ADB_SERVER": f"127.0.0.1:{owned.adb_server}"}
    before = owned.shell(SETTINGS)
    device = device_of(owned)
    prepare(device, "observe", data)
    owned.fault("unplug")
    pending = restore(device, data).pending
    away = run_lab(tmp_path, ["devices", "restore", owned.name], data=data, variables=variables)
    owned.fault("replug")
    soon("the phone on adb", lambda: owned.connect() and owned.adb_state() == "device")
    owned.fault("sensor", "settings refuse")
    refused = run_lab(tmp_path, ["devices", "restore", owned.name], data=data, variables=variables)
    owned.restore()
    done = run_lab(tmp_path, ["devices", "restore", owned.name], data=data, variables=variables)
    again = run_lab(tmp_path, ["devices", "restore", owned.name], data=data, variables=variables)

    assert "screen_brightness" in pending
    assert away.returncode == 2
    assert "not attached" in away.stderr and "screen_brightness" in away.stderr
    assert refused.returncode == 2
    assert "screen_brightness could not be read: java.lang.SecurityException" in refused.stderr
    assert "still changed: stay_on_while_plugged_in" in refused.stderr
    assert done.returncode == 0, done.stderr
    assert f"{owned.name}: restored:" in done.stdout
    assert owned.shell(SETTINGS) == before
    assert (again.returncode, again.stdout) == (0, f"{owned.name}: nothing was left changed\n")


def test_care_is_documented() -> None:
    """The table in docs/measuring.md has every setting."""
    page = (ROOT / "docs/measuring.md").read_text(encoding="utf-8")
    names = [knob.name for knob in (*OBSERVE, FIXED)]

    assert [name for name in names if f"`{name}`" not in page] == []
