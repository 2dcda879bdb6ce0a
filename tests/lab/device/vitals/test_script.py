"""The script that reads sensors, in every available shell, on a tree of files in place of a phone's /sys."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from device_agents.virtual_phone.rootfs import cache
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed
from lab.device.vitals.look import look
from lab.records import Vitals

MKSH = "usr/lib/x86_64-linux-musl/bin/mksh"
SHELLS = [
    *(path for path in map(shutil.which, ("dash", "bash")) if path),
    *(str(path) for path in sorted(cache().glob(f"phone-*/{MKSH}"))[:1]),
]
ZONES, SUPPLIES = "class/thermal", "class/power_supply"
BATTERY = {f"{SUPPLIES}/battery/type": "Battery", f"{SUPPLIES}/battery/capacity": "64"}
PHONE = {
    f"{ZONES}/thermal_zone0/type": "vtskin-max",
    f"{ZONES}/thermal_zone0/temp": "33500",
    f"{ZONES}/cooling_device0/type": "cpufreq-cpu0",
    f"{ZONES}/cooling_device0/cur_state": "0",
    "devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1000000",
    "devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "2000000",
    "devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "500000",
    f"{SUPPLIES}/usb/type": "USB",
    f"{SUPPLIES}/usb/online": "0",
    **BATTERY,
    f"{SUPPLIES}/battery/temp": "312",
}


@dataclass
class ShellPhone(FakePhone):
    """A phone whose shell is one of this machine's, and whose /sys is a folder; it may read what modes allow."""

    sys: Path = Path("/nowhere")
    program: str = "/bin/sh"

    def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run a command there without root, as Android's shell would."""
        words = [
            word.replace("/sys/", f"{self.sys}/").replace('sh -c "$1"', f'{self.program} -c "$1"') for word in argv
        ]
        humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*humble, self.program, *words[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Completed(done.returncode, done.stdout, done.stderr)


@dataclass
class Bench:
    """A tree for /sys and a shell that looks at it."""

    sys: Path
    program: str

    def have(self, files: Mapping[str, str]) -> None:
        """Write files with a line end, as sysfs has them."""
        for name, text in files.items():
            path = self.sys / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    def look(self) -> Vitals:
        """Look once at what is there."""
        return look(fake_device(ShellPhone({}, sys=self.sys, program=self.program)))


@pytest.fixture(params=SHELLS, ids=lambda path: Path(path).name)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Yield an empty tree for each shell; make it readable again before it is removed."""
    with tempfile.TemporaryDirectory(prefix="sys-") as folder:
        yield Bench(Path(folder), request.param)
        for path, _, _ in os.walk(folder):
            Path(path).chmod(0o755)
        for path, _, _ in os.walk(folder):
            Path(path).chmod(0o755)


def test_what_is_there_and_open_is_read(bench: Bench) -> None:
    """A file that never existed is not reported as gone."""
    bench.have(PHONE)
    found = bench.look()

    assert found.celsius == {"vtskin-max": 33.5, "battery": 31.2}
    assert (found.caps, found.cooling) == ({"policy0": 0.5}, {"cpufreq-cpu0": 0})
    assert (found.battery_level, found.powered) == (64.0, False)
    assert found.missing == dict.fromkeys(
        ("battery charge", "battery current", "battery voltage"), "there is no such file"
    )


def test_a_device_without_any_of_it_has_none(bench: Bench) -> None:
    """Its folders do not exist, which is not a refusal."""
    assert bench.look().missing == dict.fromkeys(("thermal zones", "clocks", "battery"), "this device has none")


@pytest.mark.parametrize("mode", [0o311, 0o411, 0o000])
def test_a_folder_that_may_not_be_listed_or_entered_is_refused_not_empty(bench: Bench, mode: int) -> None:
    """SELinux may deny a whole class: that does not mean that the device has none of it."""
    bench.have(PHONE)
    for name in (ZONES, SUPPLIES, "devices/system/cpu/cpufreq"):
        (bench.sys / name).chmod(mode)
    found = bench.look()

    refused = {name for name, why in found.missing.items() if why == "may not be read"}
    assert {"thermal zones", "cooling", "clocks", "caps", "power supply"} <= refused
    assert "this device has none" not in found.missing.values()
    assert found.powered is None


def test_a_folder_above_that_may_not_be_entered_hides_nothing(bench: Bench) -> None:
    """The class itself is then invisible."""
    bench.have(PHONE)
    (bench.sys / "class").chmod(0o411)
    found = bench.look()

    assert found.missing["thermal zones"] == found.missing["power supply"] == "may not be read"
    assert found.caps == {"policy0": 0.5}


def test_the_battery_is_found_by_name_where_supplies_may_not_be_listed(bench: Bench) -> None:
    """Its folder may be readable even if the one above cannot be listed."""
    bench.have(PHONE)
    (bench.sys / SUPPLIES).chmod(0o311)
    found = bench.look()

    assert (found.battery_level, found.celsius["battery"]) == (64.0, 31.2)
    assert found.missing["power supply"] == "may not be read"


def test_a_battery_that_may_not_be_entered_is_refused_by_name(bench: Bench) -> None:
    """Each of its readings is refused, and its temperature is not reported as lacking."""
    bench.have(PHONE)
    (bench.sys / SUPPLIES / "battery").chmod(0o000)
    found = bench.look()

    assert found.missing["battery level"] == found.missing["battery temperature"] == "may not be read"
    assert "battery" not in found.missing


# --- what feeds it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("online", ["1", "2"])
def test_a_plug_of_unknown_type_feeds_the_phone_all_the_same(bench: Bench, online: str) -> None:
    """Chargers that nobody recognises are of type Unknown; 2 is a charger whose voltage can be set."""
    unknown = {f"{SUPPLIES}/usb/type": "Unknown", f"{SUPPLIES}/usb/online": online}
    bench.have(PHONE | unknown | {f"{SUPPLIES}/ac/type": "Mains", f"{SUPPLIES}/ac/online": "0"})

    assert bench.look().powered is True


def test_a_stylus_battery_that_is_online_feeds_nothing(bench: Bench) -> None:
    """A battery's `online` says that the battery exists; a gauge has none."""
    stylus = {f"{SUPPLIES}/pen/type": "Battery", f"{SUPPLIES}/pen/online": "1", f"{SUPPLIES}/pen/scope": "Device"}
    bench.have(PHONE | stylus | {f"{SUPPLIES}/gauge/type": "Unknown"})

    assert bench.look().powered is False


@pytest.mark.parametrize("closed", ["ac", "ac/online", "ac/type"])
def test_one_supply_that_may_not_be_read_leaves_it_open_whether_anything_feeds_the_phone(
    bench: Bench, closed: str
) -> None:
    """Another supply's 0 does not prove that nothing feeds the phone."""
    bench.have(PHONE | {f"{SUPPLIES}/ac/type": "Mains", f"{SUPPLIES}/ac/online": "1"})
    (bench.sys / SUPPLIES / closed).chmod(0o000)

    assert bench.look().powered is None


# --- sensors that are slow or hang -----------------------------------------------------------------------


class Slow(threading.Thread):
    """A slow sensor: it answers once, so long after a reader opened it."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(daemon=True)
        self._path, self._seconds = path, seconds
        self._over = threading.Event()
        os.mkfifo(path)

    def run(self) -> None:
        """Wait for a reader, then for the sensor's delay, then answer."""
        with self._path.open("w") as pipe:
            self._over.wait(self._seconds)
            pipe.write("41000\n")


def test_many_slow_sensors_are_read_and_none_is_called_hanging(bench: Bench) -> None:
    """Fourteen that take a quarter of a second each are slower together than one may be."""
    for number in range(14):
        bench.have({f"{ZONES}/thermal_zone{number}/type": f"cpu{number}"})
        Slow(bench.sys / f"{ZONES}/thermal_zone{number}/temp", 0.25).start()
    found = bench.look()

    assert found.celsius == {f"cpu{number}": 41.0 for number in range(14)}
    assert not any("did not answer" in why for why in found.missing.values())


def test_one_that_hangs_is_left_out_by_name_and_costs_no_other(bench: Bench) -> None:
    """Nobody ever writes into this pipe."""
    bench.have(PHONE | {f"{ZONES}/thermal_zone1/type": "cpu0"})
    os.mkfifo(bench.sys / f"{ZONES}/thermal_zone1/temp")
    found = bench.look()

    assert found.missing["cpu0"] == "did not answer within 3 s, and was left out from then on"
    assert (found.celsius["vtskin-max"], found.battery_level) == (33.5, 64.0)
