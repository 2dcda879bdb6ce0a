"""Looks and samplers: on made-up services, on this machine, and on a virtual phone that misbehaves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device import lease, local
from lab.device.adb.transport import AdbTransport, Server
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed, Device
from lab.device.vitals.lines import read, vitals_of, write
from lab.device.vitals.look import begin, end, look, with_battery, with_thermal
from lab.device.vitals.meaning import battery, skin, soc
from lab.device.vitals.script import SAMPLER, SCRIPT
from lab.errors import DeviceError, DeviceRefused
from lab.gate.ready import place
from lab.records import DeviceIdentity, Vitals
from tests.farm_phones import Phone

BATTERY = "Current Battery Service state:\n  USB powered: true\n  level: 71\n  scale: 100\n  temperature: 312\n"
THERMAL = (
    "IsStatusOverride: false\nThermal Status: 2\nCached temperatures:\n"
    "\tTemperature{mValue=84.2, mType=0, mName=CPU, mStatus=0}\nHAL Ready: true\n"
    "Current temperatures from HAL:\n\tTemperature{mValue=57.9, mType=0, mName=CPU, mStatus=0}\n"
    "\tTemperature{mValue=NaN, mType=1, mName=GPU, mStatus=0}\n"
    "\tTemperature{mValue=34.351, mType=3, mName=SKIN, mStatus=0}\nCurrent cooling devices from HAL:\n"
)


def test_androids_services_fill_in_what_sysfs_did_not_say() -> None:
    """Only the HAL's temperatures count; NaN is not a number."""
    found = with_thermal(with_battery(Vitals(1.0), BATTERY), THERMAL)

    assert found.celsius == {"battery": 31.2, "CPU": 57.9, "SKIN": 34.351}
    assert found.hal_kinds == {"CPU": 0, "SKIN": 3}
    assert (found.battery_level, found.powered, found.thermal_status) == (71.0, True, 2)
    assert found.missing == {"GPU": "said NaN"}
    own = Vitals(1.0, celsius={"battery": 29.0}, battery_level=50.0)
    kept = with_battery(own, BATTERY)
    assert (kept.celsius["battery"], kept.battery_level) == (29.0, 50.0)


def test_androids_sensors_are_known_by_type_whatever_a_vendor_calls_them() -> None:
    """Type 3 is the case, 0 and 9 are the chip; a name that only sounds like one is neither."""
    renamed = THERMAL.replace("mName=SKIN", "mName=VIRTUAL-SKIN").replace("mName=CPU", "mName=CPU0")
    renamed = renamed.replace(
        "Current cooling",
        "\tTemperature{mValue=36.5, mType=3, mName=AP, mStatus=0}\n"
        "\tTemperature{mValue=61.0, mType=9, mName=TPU, mStatus=0}\n"
        "\tTemperature{mValue=99.0, mType=1, mName=CPU, mStatus=0}\nCurrent cooling",
    )
    found = with_thermal(Vitals(1.0), renamed)

    assert (skin(found), soc(found)) == (36.5, 61.0)
    assert place(found, "skin", 36.5) == "AP"
    assert "SKIN" not in found.missing
    assert vitals_of(write(found), "a file") == (found,)


def test_a_supply_that_is_online_feeds_a_phone_whose_service_knows_no_such_plug() -> None:
    """The service only knows types; it decides where sysfs does not say."""
    unplugged = BATTERY.replace("true", "false")

    assert with_battery(Vitals(1.0, powered=True), unplugged).powered is True
    assert with_battery(Vitals(1.0, powered=False), BATTERY).powered is True
    assert with_battery(Vitals(1.0), unplugged).powered is False


@pytest.mark.parametrize(
    ("said", "celsius"),
    [
        ("47", None),  # whole degrees, as boards print them
        ("9", None),
        ("-5", None),
        ("99", None),
        ("31200", None),  # millidegrees
        ("3120", None),  # hundredths
        ("0", None),
        ("100", 10.0),
        ("312", 31.2),
    ],
)
def test_a_battery_is_believed_in_tenths_of_a_degree_alone(said: str, celsius: float | None) -> None:
    """A value that tenths would make colder than a room or impossible is in a unit that nobody knows."""
    found = with_battery(Vitals(1.0), BATTERY.replace("312", said))

    assert battery(found) == celsius
    assert ("battery" in found.missing) == (celsius is None)
    if said not in ("0", "100", "312"):
        assert found.missing["battery"].startswith(f"not known: unit (said {said} tenths of a degree")


def test_a_board_that_prints_whole_degrees_and_volts_has_no_battery_readings_and_waits_for_its_other_sensors() -> (
    None
):
    """47 degrees were once 4.7, which opened every gate; 13 V were 13,000 mV."""
    text = BATTERY.replace("312", "47") + "  voltage: 13\n  present: true\n"
    found = with_thermal(with_battery(Vitals(1.0), text), THERMAL)

    assert (battery(found), found.voltage_mv, found.battery_level) == (None, None, 71.0)
    assert found.missing["battery voltage"] == "not known: unit (said 13, which would be 13 mV)"
    assert (skin(found), soc(found)) == (34.351, 57.9)


def test_a_battery_whose_unit_is_not_known_is_read_from_the_hal_where_that_has_it() -> None:
    """The HAL's unit is degrees; what the service said stays reported."""
    hal = THERMAL.replace("mValue=NaN, mType=1, mName=GPU", "mValue=46.9, mType=2, mName=battery")
    found = with_thermal(with_battery(Vitals(1.0), BATTERY.replace("312", "47")), hal)

    assert battery(found) == 46.9
    assert found.missing["dumpsys battery"].startswith("not known: unit (said 47 tenths")


ABSENT = (
    "Current Battery Service state:\n  AC powered: true\n  USB powered: false\n  Charge counter: 0\n  status: 1\n"
    "  health: 1\n  present: false\n  level: 0\n  scale: 100\n  voltage: 0\n  temperature: 0\n  technology: \n"
)
"""What Android 9 and later print where there is no battery."""


@pytest.mark.parametrize(
    "text",
    [
        ABSENT,
        ABSENT.replace("  present: false\n", ""),
        ABSENT.replace("present: false", "present: true"),
        ABSENT.replace("level: 0", "level: 100").replace("temperature: 0", "temperature: 250"),
    ],
)
def test_a_device_without_a_battery_has_no_charge_instead_of_0(text: str) -> None:
    """Whatever stands in a battery's place, in sysfs too, is no reading of one."""
    sysfs = Vitals(
        1.0, celsius={"battery": 25.0, "soc_max": 50.0}, battery_level=50.0, charge_uah=1.0, current_ua=1.0
    )
    for before in (Vitals(1.0), sysfs):
        found = with_battery(before, text)
        assert (found.battery_level, found.charge_uah, found.current_ua, found.voltage_mv) == (None,) * 4
        assert battery(found) is None
        assert found.missing == {"battery": "this device has none"}
        assert found.powered is True


def test_what_is_no_temperature_is_never_kept_as_degrees() -> None:
    """Types 6, 7 and 8 of the thermal HAL are volts, amperes and percent; -1 and types to come are unknown."""
    rows = [(88.0, 8, "socd"), (4.375, 6, "vbat"), (120.0, 7, "ibat"), (36.5, -1, "vt"), (50.0, 20, "new")]
    text = THERMAL.replace(
        "Current cooling",
        "".join(
            f"\tTemperature{{mValue={value}, mType={kind}, mName={name}, mStatus=0}}\n"
            for value, kind, name in rows
        )
        + "\tTemperature{mValue=33.25, mType=9, mName=nsp0, mStatus=0}\nCurrent cooling",
    )
    found = with_thermal(Vitals(1.0), text)

    assert found.celsius == {"CPU": 57.9, "SKIN": 34.351, "nsp0": 33.25}
    assert found.hal_kinds == {"CPU": 0, "SKIN": 3, "nsp0": 9}
    for _, kind, name in rows:
        assert found.missing[name] == f"is of type {kind}, which is not known to be a temperature"


def test_two_sensors_of_one_name_are_told_apart_by_their_types() -> None:
    """A vendor may call a battery's charge what another calls its temperature."""
    text = THERMAL.replace("mName=GPU", "mName=battery").replace("mValue=NaN, mType=1", "mValue=31.5, mType=2")
    text = text.replace(
        "Current cooling", "\tTemperature{mValue=88.0, mType=8, mName=battery, mStatus=0}\nCurrent cooling"
    )
    found = with_thermal(Vitals(1.0), text)

    assert (battery(found), found.hal_kinds["battery"]) == (31.5, 2)


def test_values_that_somebody_faked_are_not_believed() -> None:
    """Neither a battery's values nor a thermal status; `missing` says how to undo the fake."""
    faked = BATTERY.replace("state:\n", "state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n")
    found = with_battery(with_thermal(Vitals(1.0), THERMAL.replace("Override: false", "Override: true")), faked)

    assert (found.thermal_status, found.battery_level, found.celsius.get("battery")) == (None, None, None)
    assert found.missing["thermal status"] == "it is faked: `cmd thermalservice reset`"
    assert found.missing["dumpsys battery"] == "`dumpsys battery` is faked: `dumpsys battery reset`"


@pytest.mark.parametrize(
    ("text", "took_s", "why"),
    [
        ("", 5.01, "`dumpsys thermalservice` did not answer within 5 s"),
        ("", 0.1, "`dumpsys thermalservice` said: nothing"),
        ("Can't find service: thermalservice\n", 0.1, "said: Can't find service: thermalservice"),
        (THERMAL.replace("HAL Ready: true", "HAL Ready: false"), 0.1, "the thermal service has no HAL to ask"),
    ],
)
def test_a_thermal_service_that_does_not_answer_has_no_status(text: str, took_s: float, why: str) -> None:
    """Missing, with the service's own words; never status 0."""
    found = with_thermal(Vitals(1.0), text, took_s)
    assert found.thermal_status is None
    assert found.celsius == {}
    assert found.missing["thermal status"].endswith(why)


def test_a_device_that_prints_something_else_is_refused_in_words() -> None:
    """The message has its name, what was wanted and what it printed."""

    class Odd(FakePhone):
        def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
            return Completed(127, "", "sh: not found")

    with pytest.raises(
        DeviceRefused, match="fake: wanted its sensors' readings, its shell printed 'sh: not found'"
    ):
        look(fake_device(Odd({})))


READING = (
    '{"boot_s":"UP","zones":{},"clock":{},"cap":{},"top":{},"cooling":{"a":"UP"},"power":{"capacity":"UP"},'
    '"memory_kb":"UP","ticks":"UP UP UP UP UP UP UP UP","ticks_s":"UP","missing":{}}'
)


def test_a_service_that_took_exactly_the_time_it_is_given_did_not_answer() -> None:
    """32.01 - 27.01 is 4.9999... in floating point; the device's clock counts hundredths."""

    class Hanging(FakePhone):
        def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
            return Completed(
                0, READING.replace("UP", "1") + "\n@dumpsys thermalservice\n\n@took 27.01 32.01\n", ""
            )

    found = look(fake_device(Hanging({})))
    assert found.missing["thermal status"] == "`dumpsys thermalservice` did not answer within 5 s"


@pytest.mark.parametrize("value", ["²", "9" * 5000, "", "NaN", "1e999", "-1", "\\u0000", "1"])
@pytest.mark.parametrize(
    "printed",
    [
        READING,
        f'{READING}\n{{"ticks":"UP UP UP UP UP UP UP UP","ticks_s":"UP"}}',
        '{"boot_s":UP}',
        '{"boot_s":1,"thermal_status":UP,"available_bytes":UP}',
        "at /UP",
        "@dumpsys UP\nUP\n@took UP UP\n" + READING,
        f"{READING}\n@dumpsys UP\nx\n@took UP UP\n@dumpsys battery\nUP\n@took UP UP",
        '{"a":' * 5000 + "UP",
        READING + "\n@dumpsys battery\n" * 50_000,
    ],
)
def test_whatever_a_device_says_of_its_sensors_is_a_device_error(printed: str, value: str) -> None:
    """Nothing that a phone prints may end what is measured on others; and what is kept can be written."""

    class Hostile(FakePhone):
        def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
            return Completed(0, printed.replace("UP", value), "")

    try:
        found = look(fake_device(Hostile({})))
    except DeviceError:
        return
    assert write(found)


def test_a_fake_phones_sensors_say_what_the_test_says(tmp_path: Path) -> None:
    """Both to a look and to a sampler; the phone's journal does not mention them."""
    phone = FakePhone({}, vitals=lambda now: Vitals(boot_s=now, celsius={"battery": 35.5}))
    device = fake_device(phone)

    assert look(device) == Vitals(boot_s=0.0, celsius={"battery": 35.5})
    process = begin(device, "/x/v")
    end(device, process, "/x/v", tmp_path / "vitals.jsonl")
    assert read(tmp_path / "vitals.jsonl") == (look(device),)
    assert (phone.journal, phone.files) == ([], {})


# On this machine, by its own shell.


def until(done: Callable[[], object], deadline_s: float = 40.0) -> None:
    """Wait until a condition holds."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < deadline_s, "waited in vain"
        time.sleep(0.1)


def lines_in(path: Path) -> int:
    """Return how many whole lines a file has so far."""
    return path.read_text().count("\n") if path.exists() else 0


def test_the_host_gives_what_it_has_and_a_sampler_leaves_nothing_behind(tmp_path: Path) -> None:
    """Clock, memory and CPU time are everywhere; a container often has no thermal zone."""
    device = local.connect()
    now = look(device)
    assert now.boot_s > 0
    assert now.busy_cores is not None
    assert now.available_bytes is not None
    assert now.thermal_status is None

    process = begin(device, str(tmp_path / "vitals"))
    until(lambda: lines_in(tmp_path / "vitals" / "vitals.jsonl") >= 2)
    end(device, process, str(tmp_path / "vitals"), tmp_path / "vitals.jsonl")

    first, second, *_ = read(tmp_path / "vitals.jsonl")
    assert now.boot_s <= first.boot_s < second.boot_s
    assert second.busy_cores is not None
    assert [path.name for path in tmp_path.iterdir()] == ["vitals.jsonl"]
    assert local.start_time(process.pid) is None


def test_a_sampler_ends_soon_after_its_lab(tmp_path: Path) -> None:
    """On this machine nobody else would end it: it would sample beside the next lab's trials."""
    (tmp_path / SCRIPT).write_text(SAMPLER)
    lab = subprocess.Popen(["sh", "-c", f"sh {SCRIPT} 600 & echo $! >pid; wait"], cwd=tmp_path)
    until(lambda: lines_in(tmp_path / "vitals.jsonl") >= 1)
    pid = int((tmp_path / "pid").read_text())
    assert local.start_time(pid) is not None

    lab.kill()
    lab.wait()

    until(lambda: local.start_time(pid) is None)


@pytest.mark.parametrize("ending", ["its time is up", "its folder is gone"])
def test_a_sampler_that_nobody_ends_ends_by_itself(tmp_path: Path, ending: str) -> None:
    """The lab that began it may have died."""
    device, folder = local.connect(), tmp_path / "vitals"
    process = begin(device, str(folder), bound_s=2 if ending == "its time is up" else 600)
    if ending == "its folder is gone":
        until(lambda: lines_in(folder / "vitals.jsonl") >= 1)
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()

    assert device.transport.wait(process, timeout_s=30) is not None


def test_a_sampler_refuses_to_remove_what_it_was_to_bring(tmp_path: Path) -> None:
    """The target must not lie in the folder that is removed."""
    device = local.connect()
    process = begin(device, str(tmp_path / "vitals"))
    with pytest.raises(DeviceRefused, match="lies in the sampler's own folder"):
        end(device, process, str(tmp_path / "vitals"), tmp_path / "vitals" / "vitals.jsonl")
    end(device, process, str(tmp_path / "vitals"), tmp_path / "vitals.jsonl")


# On a virtual phone: mksh, toybox, a real adbd.

FOLDER = f"{lease.SCRATCH}/trials/vitals"


@pytest.fixture
def device(phone: Phone) -> Device:
    """The phone as the lab has it."""
    phone.connect()
    transport = AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address)
    identity = DeviceIdentity(phone.name, "virtual", "virtual", "virtual", (0,))
    return Device(identity, transport, ("agent",), {"PATH": "/system/bin:/vendor/bin"}, lease.SCRATCH)


@pytest.fixture
def sampled(
    device: Device, phone: Phone, tmp_path: Path
) -> Iterator[Callable[[Callable[[Vitals], bool]], Vitals]]:
    """A running sampler, as a function that waits until its last line is as wanted and returns it."""
    process = begin(device, FOLDER)

    def last(wanted: Callable[[Vitals], bool]) -> Vitals:
        found: list[Vitals] = []

        def there() -> bool:
            file = phone.file(f"{FOLDER}/vitals.jsonl")
            found[:] = vitals_of(file.read_text(), "the phone")[-1:] if file.exists() else []
            return bool(found) and wanted(found[0])

        until(there)
        return found[0]

    yield last
    end(device, process, FOLDER, tmp_path / "vitals.jsonl")
    assert FOLDER not in phone.shell(f"ls -d {lease.SCRATCH}/trials/* 2>/dev/null; true")
    assert SCRIPT not in phone.shell("ps -A -o args")


def seen(device: Device, wanted: Callable[[Vitals], bool]) -> Vitals:
    """Look until a fault shows in the readings: sensors follow within a second."""
    found: list[Vitals] = []

    def there() -> bool:
        found[:] = [look(device)]
        return wanted(found[0])

    until(there)
    return found[0]


def test_a_phone_gives_all_that_it_has(device: Device) -> None:
    """Zones by type, clocks and caps by policy, cooling, battery, memory, status."""
    found = look(device)

    assert found.missing == {}
    assert {
        "battery",
        "vtskin-max",
        "apu-a0",
        "soc_max",
        "cpu-big-core7-0",
        "gpu0",
        "SKIN",
    } <= found.celsius.keys()
    assert set(found.caps) == set(found.clocks_khz) == {"policy0", "policy4", "policy7"}
    assert {"cpufreq-cpu0", "cpufreq-cpu4", "cpufreq-cpu7"} <= found.cooling.keys()
    assert (found.thermal_status, found.powered) == (0, True)
    assert found.battery_level is not None
    assert found.current_ua is not None


def test_a_hot_phone_is_seen_by_a_look_and_by_the_sampler(
    device: Device, phone: Phone, sampled: Callable[[Callable[[Vitals], bool]], Vitals]
) -> None:
    """Temperatures, cooling states, caps and the thermal status."""
    cool = sampled(lambda found: True)
    assert skin(cool) is not None
    assert max(cool.cooling.values()) == 0
    phone.fault("heat", 60)

    hot = sampled(lambda found: (skin(found) or 0) > 50)
    assert hot.cooling["cpufreq-cpu7"] > 0
    assert hot.caps["policy7"] < 0.5
    assert hot.busy_cores is not None
    assert (look(device).thermal_status or 0) >= 4


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("refuse", "may not be read"),
        ("vanish", "no such file any more"),
        ("nan", "said -274000, which means no reading"),
        ("hang", "did not answer within 3 s, and was left out from then on"),
    ],
)
def test_a_zone_that_misbehaves_is_missing_with_its_reason_and_costs_no_other(
    device: Device, phone: Phone, sampled: Callable[[Callable[[Vitals], bool]], Vitals], mode: str, why: str
) -> None:
    """In a look, and in a sampler that is running when it happens."""
    sampled(lambda found: "apu-a1" in found.celsius)
    phone.fault("sensor", f"apu-a1 {mode}")

    looked = seen(device, lambda found: "apu-a1" in found.missing)
    line = sampled(lambda found: "apu-a1" in found.missing)
    for found in (looked, line):
        never = found is looked and mode == "vanish"  # a look that began later never saw it
        assert found.missing in ({"apu-a1": why}, {"apu-a1": "there is no such file"} if never else None)
        assert "apu-a1" not in found.celsius
        assert "apu-a0" in found.celsius


def test_a_sampler_that_a_lab_left_behind_is_ended_when_the_next_begins(
    device: Device, phone: Phone, tmp_path: Path
) -> None:
    """One sampler at a time, and the readings of the new one only."""
    left = begin(device, FOLDER)
    until(lambda: lines_in(phone.file(f"{FOLDER}/vitals.jsonl")) >= 2)
    again = replace(device, transport=AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address))
    now = look(again).boot_s

    process = begin(again, FOLDER)
    assert process != left
    until(lambda: lines_in(phone.file(f"{FOLDER}/vitals.jsonl")) >= 1)
    end(again, process, FOLDER, tmp_path / "vitals.jsonl")

    assert all(each.boot_s >= now for each in read(tmp_path / "vitals.jsonl"))
    assert SCRIPT not in phone.shell("ps -A -o args")


def test_a_battery_that_hangs_everywhere_stops_neither_look_nor_sampler(
    device: Device, phone: Phone, sampled: Callable[[Callable[[Vitals], bool]], Vitals]
) -> None:
    """Its zone, its folder, its power supply and its service are each left out and reported."""
    phone.fault("sensor", "battery hang")

    looked = seen(device, lambda found: "battery" in found.missing)
    assert looked.missing["dumpsys battery"] == "`dumpsys battery` did not answer within 5 s"
    line = sampled(lambda found: "battery" in found.missing)
    for found in (looked, line):
        assert battery(found) is None
        assert found.battery_level is None
        assert {"battery", "battery level", "battery charge", "power supply usb"} <= found.missing.keys()
        assert "soc_max" in found.celsius


@pytest.mark.parametrize(
    ("knob", "name", "why"),
    [
        ("SKIN nan", "SKIN", "said NaN"),
        ("SKIN vanish", "SKIN", "the thermal service names no such sensor"),
        ("thermalservice refuse", "thermal status", "`dumpsys thermalservice` said: Permission Denial"),
        ("thermalservice vanish", "thermal status", "the thermal service has no HAL to ask"),
        ("thermalservice hang", "thermal status", "`dumpsys thermalservice` did not answer within 5 s"),
        ("dumpsys vanish", "dumpsys battery", "inaccessible or not found"),
        ("battery refuse", "battery", "may not be read"),
        ("battery nan", "battery", "said -274000, which means no reading"),
    ],
)
def test_services_that_misbehave_are_missing_with_what_they_said(
    device: Device, phone: Phone, knob: str, name: str, why: str
) -> None:
    """Every other sensor is read."""
    phone.fault("sensor", knob)
    found = seen(device, lambda found: name in found.missing)
    assert why in found.missing[name]
    assert soc(found) is not None


def test_a_faked_status_and_battery_are_not_believed(device: Device, phone: Phone) -> None:
    """Somebody forgot to undo an experiment; the battery's own folder still gives its level."""
    phone.shell("cmd thermalservice override-status 3; dumpsys battery set level 3")
    try:
        found = look(device)
    finally:
        phone.shell("cmd thermalservice reset; dumpsys battery reset")
    assert found.thermal_status is None
    assert "faked" in found.missing["thermal status"]
    assert "faked" in found.missing["dumpsys battery"]
    assert (found.battery_level or 0) > 3


def test_hostile_names_and_values_of_sensors_break_no_line(device: Device, phone: Phone) -> None:
    """Quotes, backslashes, shell and JSON in a type; two zones of one name; text without end for a value."""
    hostile = ("cpu\"},{'$(reboot)'\\n`id`", "cpu same", "cpu same", "cpu \u00e9\x01")
    for number, name in enumerate(hostile):
        zone = phone.file(f"/sys/class/thermal/thermal_zone9{number}")
        zone.mkdir()
        (zone / "type").write_text(f"{name}\n")
        (zone / "temp").write_text("41000\n" if number != 3 else '"' * 5000)
    try:
        found = look(device)
    finally:
        for number in range(len(hostile)):
            zone = phone.file(f"/sys/class/thermal/thermal_zone9{number}")
            for path in zone.iterdir():
                path.unlink()
            zone.rmdir()

    assert found.celsius["cpu???????reboot???n?id?"] == 41.0
    assert found.celsius["cpu same"] == found.celsius["cpu same thermal_zone92"] == 41.0
    (odd,) = [name for name in found.missing if name.startswith("cpu ")]
    assert found.missing[odd] == "said '5000 characters', which is not a number"
