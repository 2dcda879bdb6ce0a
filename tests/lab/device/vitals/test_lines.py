"""Vitals as lines: the meaning of a sensor's text, and lines that are cut or damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.device.vitals.lines import parse, read, vitals_of, write
from lab.device.vitals.meaning import battery, skin, soc
from lab.errors import StoreError
from lab.records import Vitals

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


def lines_read(text: str, folder: Path) -> tuple[Vitals, ...]:
    """Read lines as a trial's file holds them."""
    path = folder / "vitals.jsonl"
    path.write_text(text)
    return read(path)


def test_a_line_of_the_sampler_is_read_in_the_labs_units(tmp_path: Path) -> None:
    """Degrees, kHz, shares, microamperes, millivolts, bytes; CPU use is the difference from the line before."""
    first, second = lines_read(LINE + LATER, tmp_path)

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


def test_what_was_written_before_types_were_kept_is_judged_by_androids_own_names(tmp_path: Path) -> None:
    """A reading from an old trial's gate keeps its meaning."""
    line = '{"boot_s": 5.0, "celsius": {"SKIN": 33.0, "CPU": 55.0, "GPU": 99.0}, "thermal_status": 0}\n'
    (found,) = lines_read(line, tmp_path)

    assert (skin(found), soc(found)) == (33.0, 55.0)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("-274000", "said -274000, which means no reading"),
        ("0", "said 0, which means no reading"),
        ("125000", "said 125000, which means no reading"),
        ("999999", "not known: unit (said 999999, which is impossible in a phone)"),
        ("-40001", "not known: unit (said -40001, which would be -40.0 °C, colder than any room)"),
        ("47", "not known: unit (said 47, which would be 0.0 °C, colder than any room)"),
        ("470", "not known: unit (said 470, which would be 0.5 °C, colder than any room)"),
        ("4700", "not known: unit (said 4700, which would be 4.7 °C, colder than any room)"),
        ("nan", "said 'nan', which is not a number"),
        ("1e3", "said '1e3', which is not a number"),
        ("Permission denied", "said 'Permission denied', which is not a number"),
    ],
)
def test_text_that_is_not_a_temperature_is_missing_with_that_text(tmp_path: Path, said: str, why: str) -> None:
    """Never 0, never a wrong number."""
    (found,) = lines_read(LINE.replace('"48000"', f'"{said}"'), tmp_path)

    assert "soc_max" not in found.celsius
    assert found.missing["soc_max"] == why
    assert soc(found) == 45.125


def test_a_battery_without_a_zone_is_read_elsewhere_and_the_zones_fault_stays_reported(tmp_path: Path) -> None:
    """The battery's own folder knows its temperature too, in tenths of a degree."""
    (found,) = lines_read(LINE.replace('"31200"', '"-274000"'), tmp_path)
    assert battery(found) == 31.2
    assert found.missing["battery zone"] == "said -274000, which means no reading"

    (none,) = lines_read(LINE.replace('"31200"', '"-274000"').replace('"temp":"312"', '"temp":"0"'), tmp_path)
    assert battery(none) is None
    assert none.missing["battery"] == "said -274000, which means no reading"


def test_a_device_without_sensors_says_so(tmp_path: Path) -> None:
    """The lab invents no values for a machine without sensors."""
    groups = ("zones", "clock", "cap", "top", "cooling", "power", "missing")
    bare = json.loads(LINE) | {group: {} for group in groups}
    (found,) = lines_read(json.dumps(bare) + "\n", tmp_path)

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
    """Each has the name that people know, and a reason."""
    (found,) = lines_read(LINE.replace(*change), tmp_path)

    assert found.missing[name]
    assert len(found.missing) == 2  # and gpu0


def test_counters_that_go_back_give_no_cpu_time(tmp_path: Path) -> None:
    """A reboot or another kernel between two lines must not give a negative load."""
    _, second = lines_read(LATER + LINE.replace('"100.26"', '"109.0"'), tmp_path)
    assert second.busy_cores is None
    assert second.missing["cpu time"] == "a clock or counter went back"


def test_a_cut_last_line_is_left_out_and_so_is_one_before_a_new_beginning(tmp_path: Path) -> None:
    """The killed sampler's last line, and a restarted sampler's line before the blank one."""
    assert len(lines_read(LINE + LATER[:40], tmp_path)) == 1
    assert len(lines_read(LINE[:40] + "\n\n" + LATER, tmp_path)) == 1
    assert lines_read("", tmp_path) == ()


@pytest.mark.parametrize(
    "line", ["{}", "[]", LINE[:40], '{"boot_s": 1, "celsius": {}, "wind": 3}', '{"boot_s": "x"}']
)
def test_any_other_malformed_line_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    """A damaged file is an error, never half read."""
    with pytest.raises(StoreError, match=r"vitals\.jsonl, line 2: wanted vitals, found"):
        lines_read(f"{LINE}{line}\n{LATER}", tmp_path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """It raises the lab's own error."""
    with pytest.raises(StoreError, match="wanted the vitals of a trial"):
        read(tmp_path / "vitals.jsonl")


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
    line = write(given_vitals)

    assert line.count("\n") == 1
    assert vitals_of(line, "a file") == (given_vitals,)


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters='"\\'), max_size=70))
def test_no_text_in_place_of_a_temperature_is_an_error(said: str) -> None:
    """It gives either a plausible number or an entry in `missing`, never both."""
    if any(ord(char) < 32 for char in said):
        return  # no sensor's text reaches a line with these: the sampler prints `?`
    (found,) = vitals_of(LINE.replace('"48000"', f'"{said}"'), "a file")

    assert ("soc_max" in found.celsius) != ("soc_max" in found.missing)
    assert -40 <= found.celsius.get("soc_max", 1.0) <= 150
    assert found.celsius.get("soc_max") != 0


def test_a_sensor_may_be_called_by_nineteen_digits() -> None:
    """Only a number is too large, not a name; one of 19 digits is refused where a figure stands."""
    named = Vitals(0.0, missing={"0" * 19: "gone"})

    assert parse(write(named)) == named
    with pytest.raises(ValueError, match="19 digits"):
        parse(write(named).replace("0.0", "1" * 19, 1))
