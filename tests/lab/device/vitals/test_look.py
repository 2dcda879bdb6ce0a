"""Vitals: what sensors say and what it means, on lines written out and on a virtual phone that misbehaves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.contract import Hello
from lab.device import lease, local
from lab.device.adb.transport import AdbTransport, Server
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed, Device
from lab.device.vitals import look as vitals
from lab.device.vitals.look import with_battery, with_thermal
from lab.device.vitals.script import SCRIPT
from lab.errors import DeviceRefused, StoreError
from lab.gate.ready import place
from lab.records import DeviceIdentity, Vitals
from tests.farm_phones import Phone

LINE = (
    '{"boot_s":"100.25","zones":{"battery":"31200","vtskin-max":"33500","soc_max":"48000","apu-a0":"45125"},'
    '"clock":{"policy0":"600000"},"cap":{"policy0":"1400000"},"top":{"policy0":"2000000"},'
    '"cooling":{"cpufreq-cpu0":"2"},"power":{"online usb":"1","capacity":"64","charge_counter":"3200000",'
    '"current_now":"-512000","voltage_now":"4052000","temp":"312"},"memory_kb":"1000",'
    '"ticks":"1000 100 500 9000 50 10 40 25 7 0","ticks_s":"100.26","missing":{"zones/gpu0":"refused"}}\n'
)
LATER = (
    LINE.replace('"100.25"', '"101.25"').replace('"100.26"', '"101.26"').replace("1000 100 500", "1080 100 520")
)
LATER = LATER.replace("10 40 25", "10 40 35")

BATTERY = "Current Battery Service state:\n  USB powered: true\n  level: 71\n  scale: 100\n  temperature: 312\n"
THERMAL = (
    "IsStatusOverride: false\nThermal Status: 2\nCached temperatures:\n"
    "\tTemperature{mValue=84.2, mType=0, mName=CPU, mStatus=0}\nHAL Ready: true\n"
    "Current temperatures from HAL:\n\tTemperature{mValue=57.9, mType=0, mName=CPU, mStatus=0}\n"
    "\tTemperature{mValue=NaN, mType=1, mName=GPU, mStatus=0}\n"
    "\tTemperature{mValue=34.351, mType=3, mName=SKIN, mStatus=0}\nCurrent cooling devices from HAL:\n"
)


def read(text: str, folder: Path) -> tuple[Vitals, ...]:
    """Read lines as a trial's file holds them."""
    path = folder / "vitals.jsonl"
    path.write_text(text)
    return vitals.read(path)


def test_a_line_of_the_sampler_is_read_in_the_labs_units(tmp_path: Path) -> None:
    """Degrees, kHz, shares, microamperes, millivolts, bytes; CPU time is the difference to the line before."""
    first, second = read(LINE + LATER, tmp_path)

    assert first == Vitals(
        boot_s=100.25,
        celsius={"battery": 31.2, "vtskin-max": 33.5, "soc_max": 48.0, "apu-a0": 45.125},
        clocks_khz={"policy0": 600_000.0},
        caps={"policy0": 0.7},
        cooling={"cpufreq-cpu0": 2},
        battery_level=64.0,
        powered=True,
        charge_uah=3_200_000.0,
        current_ua=-512_000.0,
        voltage_mv=4052.0,
        available_bytes=1_024_000,
        missing={"gpu0": "may not be read"},
    )
    assert second.busy_cores == pytest.approx(1.0)  # 80 + 20 ticks of 10 ms in one second
    assert second.stolen_cores == pytest.approx(0.1)


def test_the_warmest_place_of_skin_and_chip_is_told() -> None:
    """By zones; by Android's thermal service where there are none; None where nobody says."""
    found = Vitals(0, celsius={"vtskin1": 31.0, "vtskin-max": 32.0, "SKIN": 40.0, "cpu-big": 50.0, "apu-a0": 51.0})
    assert (vitals.skin(found), vitals.soc(found), vitals.battery(found)) == (32.0, 51.0, None)

    served = Vitals(0, celsius={"SKIN": 33.0, "CPU": 55.0, "NPU": 54.0, "GPU": 99.0, "battery": 30.0})
    assert (vitals.skin(served), vitals.soc(served), vitals.battery(served)) == (33.0, 55.0, 30.0)
    assert (vitals.skin(Vitals(0)), vitals.soc(Vitals(0))) == (None, None)


def test_androids_sensors_are_told_by_their_type_whatever_a_vendor_calls_them() -> None:
    """Type 3 is the case, 0 and 9 are the chip; a name that only sounds like one is neither."""
    renamed = THERMAL.replace("mName=SKIN", "mName=VIRTUAL-SKIN").replace("mName=CPU", "mName=CPU0")
    renamed = renamed.replace(
        "Current cooling",
        "\tTemperature{mValue=36.5, mType=3, mName=AP, mStatus=0}\n"
        "\tTemperature{mValue=61.0, mType=9, mName=TPU, mStatus=0}\n"
        "\tTemperature{mValue=99.0, mType=1, mName=CPU, mStatus=0}\nCurrent cooling",
    )
    found = with_thermal(Vitals(1.0), renamed)

    assert (vitals.skin(found), vitals.soc(found)) == (36.5, 61.0)
    assert place(found, "skin", 36.5) == "AP"
    assert "SKIN" not in found.missing
    assert vitals.vitals_of(vitals.write(found), "a file") == (found,)


def test_what_was_written_before_types_were_kept_is_judged_by_androids_own_names(tmp_path: Path) -> None:
    """An old trial's look at its gate reads as it did."""
    line = '{"boot_s": 5.0, "celsius": {"SKIN": 33.0, "CPU": 55.0, "GPU": 99.0}, "thermal_status": 0}\n'
    (found,) = read(line, tmp_path)

    assert (vitals.skin(found), vitals.soc(found)) == (33.0, 55.0)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("-274000", "said -274000, which means no reading"),
        ("0", "said 0, which means no reading"),
        ("125000", "said 125000, which means no reading"),
        ("999999", "said 999999, which is impossible in a phone"),
        ("-40001", "said -40001, which is impossible in a phone"),
        ("nan", "said 'nan', which is not a number"),
        ("1e3", "said '1e3', which is not a number"),
        ("Permission denied", "said 'Permission denied', which is not a number"),
    ],
)
def test_what_is_no_temperature_is_missing_with_what_was_said(tmp_path: Path, said: str, why: str) -> None:
    """Never 0, never a wrong number."""
    (found,) = read(LINE.replace('"48000"', f'"{said}"'), tmp_path)

    assert "soc_max" not in found.celsius
    assert found.missing["soc_max"] == why
    assert vitals.soc(found) == 45.125


def test_a_battery_without_a_zone_is_asked_elsewhere_and_the_zones_fault_stays_told(tmp_path: Path) -> None:
    """The battery's own folder knows its temperature too, in tenths of a degree."""
    (found,) = read(LINE.replace('"31200"', '"-274000"'), tmp_path)
    assert vitals.battery(found) == 31.2
    assert found.missing["battery zone"] == "said -274000, which means no reading"

    (none,) = read(LINE.replace('"31200"', '"-274000"').replace('"temp":"312"', '"temp":"0"'), tmp_path)
    assert vitals.battery(none) is None
    assert none.missing["battery"] == "said -274000, which means no reading"


def test_a_device_without_sensors_says_so(tmp_path: Path) -> None:
    """Nothing is invented for a machine that has none."""
    groups = ("zones", "clock", "cap", "top", "cooling", "power", "missing")
    bare = json.loads(LINE) | {group: {} for group in groups}
    (found,) = read(json.dumps(bare) + "\n", tmp_path)

    assert found.celsius == found.clocks_khz == found.caps == found.cooling == {}
    assert found.missing == dict.fromkeys(("thermal zones", "clocks", "battery"), "this device has none")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (('"1400000"', '"0"'), "policy0 cap"),
        (('"600000"', '"fast"'), "policy0 clock"),
        (('"cpufreq-cpu0":"2"', '"cpufreq-cpu0":"-1"'), "cooling cpufreq-cpu0"),
        (('"64"', '"101"'), "battery level"),
        (('"-512000"', '"-"'), "battery current"),
        (('"memory_kb":"1000"', '"memory_kb":""'), "memory"),
        (('"1000 100 500', '"cpu0 x'), "cpu time"),
    ],
)
def test_every_reading_that_makes_no_sense_is_missing_by_name(
    tmp_path: Path, change: tuple[str, str], name: str
) -> None:
    """Each under the name people know it by, with a reason."""
    (found,) = read(LINE.replace(*change), tmp_path)

    assert found.missing[name]
    assert len(found.missing) == 2  # and gpu0


def test_counters_that_go_back_give_no_cpu_time(tmp_path: Path) -> None:
    """A reboot or another kernel between two lines is no negative load."""
    _, second = read(LATER + LINE.replace('"100.26"', '"109.0"'), tmp_path)
    assert second.busy_cores is None
    assert second.missing["cpu time"] == "a clock or counter went back"


def test_a_cut_last_line_is_left_out_and_so_is_one_before_a_new_beginning(tmp_path: Path) -> None:
    """What the end of a sampler leaves, and what one that began anew leaves before a blank line."""
    assert len(read(LINE + LATER[:40], tmp_path)) == 1
    assert len(read(LINE[:40] + "\n\n" + LATER, tmp_path)) == 1
    assert read("", tmp_path) == ()


@pytest.mark.parametrize(
    "line", ["{}", "[]", LINE[:40], '{"boot_s": 1, "celsius": {}, "wind": 3}', '{"boot_s": "x"}']
)
def test_any_other_line_that_is_none_is_refused_with_its_place(tmp_path: Path, line: str) -> None:
    """A damaged file is told, never half read."""
    with pytest.raises(StoreError, match=r"vitals\.jsonl, line 2: wanted vitals, found"):
        read(f"{LINE}{line}\n{LATER}", tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """In words, as the lab's error."""
    with pytest.raises(StoreError, match="wanted the vitals of a trial"):
        vitals.read(tmp_path / "vitals.jsonl")


numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.dictionaries(st.text(), st.text(), max_size=4)
found_vitals = st.builds(
    Vitals,
    boot_s=numbers,
    celsius=st.dictionaries(st.text(), numbers, max_size=4),
    clocks_khz=st.dictionaries(st.text(), numbers, max_size=4),
    caps=st.dictionaries(st.text(), numbers, max_size=4),
    cooling=st.dictionaries(st.text(), st.integers(0, 9), max_size=4),
    thermal_status=st.none() | st.integers(0, 6),
    powered=st.none() | st.booleans(),
    battery_level=st.none() | numbers,
    busy_cores=st.none() | numbers,
    available_bytes=st.none() | st.integers(0, 2**40),
    hal_kinds=st.dictionaries(st.text(), st.integers(-9, 9), max_size=4),
    missing=words,
)


@given(found_vitals)
def test_what_is_written_is_read_back_whatever_sensors_are_called(given_vitals: Vitals) -> None:
    """Quotes, line ends and any other character in a name break no line."""
    line = vitals.write(given_vitals)

    assert line.count("\n") == 1
    assert vitals.vitals_of(line, "a file") == (given_vitals,)


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters='"\\'), max_size=70))
def test_no_text_in_place_of_a_temperature_is_an_error(said: str) -> None:
    """Either a plausible number, or missing: and then never also there."""
    if any(ord(char) < 32 for char in said):
        return  # no sensor's text reaches a line with these: the sampler prints `?`
    (found,) = vitals.vitals_of(LINE.replace('"48000"', f'"{said}"'), "a file")

    assert ("soc_max" in found.celsius) != ("soc_max" in found.missing)
    assert -40 <= found.celsius.get("soc_max", 1.0) <= 150
    assert found.celsius.get("soc_max") != 0


def test_readings_are_placed_on_the_clock_of_the_spans() -> None:
    """The agent's hello reads both clocks together: here the device slept for two seconds before it."""
    hello = Hello.model_validate(
        {
            "protocol": 1,
            "agent": "a",
            "agent_version": "1",
            "runtime": "r",
            "runtime_version": "1",
            "abi": "arm64",
            "cpu_features": [],
            "units": {},
            "pid": 1,
            "monotonic_ns": 98_000_000_000,
            "boot_ns": 100_000_000_000,
            "real_ns": 1,
        }
    )
    assert vitals.aligned([Vitals(100.25), Vitals(101.5)], hello) == [
        (98_250_000_000, Vitals(100.25)),
        (99_500_000_000, Vitals(101.5)),
    ]


def heating(seconds: int, stuck: tuple[str, ...] = (), rise: float = 0.1) -> list[Vitals]:
    """A device that warms evenly, with sensors that stand still."""
    names = ("battery", "vtskin1", "vtskin2", "cpu0", "cpu1", "apu-a0")
    return [
        Vitals(float(n), celsius={name: 30.0 if name in stuck else 30.0 + rise * n for name in names})
        for n in range(seconds)
    ]


def test_a_sensor_that_stands_still_while_its_neighbours_move_is_frozen() -> None:
    """Named, whichever family it is of."""
    assert vitals.frozen(heating(90, ("cpu1", "battery"))) == ("battery", "cpu1")
    assert vitals.frozen(heating(90)) == ()


def test_nothing_is_called_frozen_where_nobody_can_tell() -> None:
    """A short stretch, a device at rest, or no neighbours to compare with."""
    assert vitals.frozen(heating(50, ("cpu1",))) == ()
    assert vitals.frozen(heating(90, ("cpu1",), rise=0.01)) == ()
    alone = [replace(each, celsius={"cpu0": each.celsius["cpu0"], "cpu1": 30.0}) for each in heating(90)]
    assert vitals.frozen(alone) == ()
    assert vitals.frozen([]) == ()


def test_clocks_that_jump_are_told_with_their_place() -> None:
    """Back, or far ahead; a second that took a little longer is neither."""
    told = vitals.jumps([Vitals(10.0), Vitals(11.3), Vitals(9.3), Vitals(10.3), Vitals(70.3)])
    assert told == (
        "after 11.30 s since boot the boot clock went back by 2.00 s",
        "after 10.30 s since boot there is no reading for 60 s: the clock leapt, or all stood still",
    )
    assert vitals.jumps([]) == vitals.jumps([Vitals(1.0), Vitals(3.0)]) == ()


def test_androids_services_fill_in_what_sysfs_did_not_say() -> None:
    """Only the HAL's temperatures; NaN is no number."""
    found = with_thermal(with_battery(Vitals(1.0), BATTERY), THERMAL)

    assert found.celsius == {"battery": 31.2, "CPU": 57.9, "SKIN": 34.351}
    assert found.hal_kinds == {"CPU": 0, "SKIN": 3}
    assert (found.battery_level, found.powered, found.thermal_status) == (71.0, True, 2)
    assert found.missing == {"GPU": "said NaN"}
    own = Vitals(1.0, celsius={"battery": 29.0}, battery_level=50.0)
    kept = with_battery(own, BATTERY)
    assert (kept.celsius["battery"], kept.battery_level) == (29.0, 50.0)


def test_a_supply_that_is_online_feeds_a_phone_whose_service_knows_no_such_plug() -> None:
    """The service goes by types; it decides where sysfs does not say."""
    unplugged = BATTERY.replace("true", "false")

    assert with_battery(Vitals(1.0, powered=True), unplugged).powered is True
    assert with_battery(Vitals(1.0, powered=False), BATTERY).powered is True
    assert with_battery(Vitals(1.0), unplugged).powered is False


def test_values_that_somebody_faked_are_not_believed() -> None:
    """Neither a battery's nor a thermal status; what undoes it is said."""
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
    """Its name, what was wanted, what it said."""

    class Odd(FakePhone):
        def shell(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
            return Completed(127, "", "sh: not found")

    with pytest.raises(
        DeviceRefused, match="fake: wanted its sensors' readings, its shell printed 'sh: not found'"
    ):
        vitals.look(fake_device(Odd({})))


def test_a_fake_phones_sensors_say_what_the_test_says(tmp_path: Path) -> None:
    """To a look and to a sampler; the journal of what happened to the phone stays as it is."""
    phone = FakePhone({}, vitals=lambda now: Vitals(boot_s=now, celsius={"battery": 35.5}))
    device = fake_device(phone)

    assert vitals.look(device) == Vitals(boot_s=0.0, celsius={"battery": 35.5})
    process = vitals.begin(device, "/x/v")
    vitals.end(device, process, "/x/v", tmp_path / "vitals.jsonl")
    assert vitals.read(tmp_path / "vitals.jsonl") == (vitals.look(device),)
    assert (phone.journal, phone.files) == ([], {})


# On this machine, by its own shell.


def until(done: Callable[[], object], deadline_s: float = 40.0) -> None:
    """Wait until something is so."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < deadline_s, "waited in vain"
        time.sleep(0.1)


def lines_in(path: Path) -> int:
    """How many whole lines a file has so far."""
    return path.read_text().count("\n") if path.exists() else 0


def test_the_host_tells_what_it_has_and_a_sampler_leaves_nothing_behind(tmp_path: Path) -> None:
    """Clock, memory and CPU time are everywhere; a container often has no thermal zone."""
    device = local.connect()
    now = vitals.look(device)
    assert now.boot_s > 0
    assert now.busy_cores is not None
    assert now.available_bytes is not None
    assert now.thermal_status is None

    process = vitals.begin(device, str(tmp_path / "vitals"))
    until(lambda: lines_in(tmp_path / "vitals" / "vitals.jsonl") >= 2)
    vitals.end(device, process, str(tmp_path / "vitals"), tmp_path / "vitals.jsonl")

    first, second, *_ = vitals.read(tmp_path / "vitals.jsonl")
    assert now.boot_s <= first.boot_s < second.boot_s
    assert second.busy_cores is not None
    assert [path.name for path in tmp_path.iterdir()] == ["vitals.jsonl"]
    assert local.start_time(process.pid) is None


@pytest.mark.parametrize("ending", ["its time is up", "its folder is gone"])
def test_a_sampler_that_nobody_ends_ends_by_itself(tmp_path: Path, ending: str) -> None:
    """The lab that began it may be gone."""
    device, folder = local.connect(), tmp_path / "vitals"
    process = vitals.begin(device, str(folder), bound_s=2 if ending == "its time is up" else 600)
    if ending == "its folder is gone":
        until(lambda: lines_in(folder / "vitals.jsonl") >= 1)
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()

    assert device.transport.wait(process, timeout_s=30) is not None


def test_a_sampler_refuses_to_remove_what_it_was_to_bring(tmp_path: Path) -> None:
    """The target must not lie in the folder that is removed."""
    device = local.connect()
    process = vitals.begin(device, str(tmp_path / "vitals"))
    with pytest.raises(DeviceRefused, match="lies in the sampler's own folder"):
        vitals.end(device, process, str(tmp_path / "vitals"), tmp_path / "vitals" / "vitals.jsonl")
    vitals.end(device, process, str(tmp_path / "vitals"), tmp_path / "vitals.jsonl")


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
    """A sampler that runs; gives what waits until its last line is as wanted, and that line."""
    process = vitals.begin(device, FOLDER)

    def last(wanted: Callable[[Vitals], bool]) -> Vitals:
        found: list[Vitals] = []

        def there() -> bool:
            file = phone.file(f"{FOLDER}/vitals.jsonl")
            found[:] = vitals.vitals_of(file.read_text(), "the phone")[-1:] if file.exists() else []
            return bool(found) and wanted(found[0])

        until(there)
        return found[0]

    yield last
    vitals.end(device, process, FOLDER, tmp_path / "vitals.jsonl")
    assert FOLDER not in phone.shell(f"ls -d {lease.SCRATCH}/trials/* 2>/dev/null; true")
    assert SCRIPT not in phone.shell("ps -A -o args")


def seen(device: Device, wanted: Callable[[Vitals], bool]) -> Vitals:
    """Look until what a knob did shows: sensors follow within a second."""
    found: list[Vitals] = []

    def there() -> bool:
        found[:] = [vitals.look(device)]
        return wanted(found[0])

    until(there)
    return found[0]


def test_a_phone_tells_all_it_has(device: Device) -> None:
    """Zones by type, clocks and caps by policy, cooling, battery, memory, status."""
    found = vitals.look(device)

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
    assert found.missing == {}


def test_a_hot_phone_is_seen_by_a_look_and_by_the_sampler(
    device: Device, phone: Phone, sampled: Callable[[Callable[[Vitals], bool]], Vitals]
) -> None:
    """Temperatures, cooling states, caps and the thermal status."""
    cool = sampled(lambda found: True)
    assert vitals.skin(cool) is not None
    assert max(cool.cooling.values()) == 0
    phone.fault("heat", 60)

    hot = sampled(lambda found: (vitals.skin(found) or 0) > 50)
    assert hot.cooling["cpufreq-cpu7"] > 0
    assert hot.caps["policy7"] < 0.5
    assert hot.busy_cores is not None
    assert (vitals.look(device).thermal_status or 0) >= 4


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
    """In a look, and in a sampler under which it happens."""
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
    left = vitals.begin(device, FOLDER)
    until(lambda: lines_in(phone.file(f"{FOLDER}/vitals.jsonl")) >= 2)
    again = replace(device, transport=AdbTransport(Server("127.0.0.1", phone.adb_server), phone.address))
    now = vitals.look(again).boot_s

    process = vitals.begin(again, FOLDER)
    assert process != left
    until(lambda: lines_in(phone.file(f"{FOLDER}/vitals.jsonl")) >= 1)
    vitals.end(again, process, FOLDER, tmp_path / "vitals.jsonl")

    assert all(each.boot_s >= now for each in vitals.read(tmp_path / "vitals.jsonl"))
    assert SCRIPT not in phone.shell("ps -A -o args")


def test_a_battery_that_hangs_everywhere_stops_neither_look_nor_sampler(
    device: Device, phone: Phone, sampled: Callable[[Callable[[Vitals], bool]], Vitals]
) -> None:
    """Its zone, its folder, its power supply and its service: each is left out, and told."""
    phone.fault("sensor", "battery hang")

    looked = seen(device, lambda found: "battery" in found.missing)
    assert looked.missing["dumpsys battery"] == "`dumpsys battery` did not answer within 5 s"
    line = sampled(lambda found: "battery" in found.missing)
    for found in (looked, line):
        assert vitals.battery(found) is None
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
    """And what else can be asked is."""
    phone.fault("sensor", knob)
    found = seen(device, lambda found: name in found.missing)
    assert why in found.missing[name]
    assert vitals.soc(found) is not None


def test_a_faked_status_and_battery_are_not_believed(device: Device, phone: Phone) -> None:
    """Somebody forgot to undo what they tried out; the battery's own folder still tells its level."""
    phone.shell("cmd thermalservice override-status 3; dumpsys battery set level 3")
    try:
        found = vitals.look(device)
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
        found = vitals.look(device)
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
