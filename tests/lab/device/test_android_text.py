"""Parsing of what Android's tools print; formats from device_care.md, section 4."""

from __future__ import annotations

import pytest

from lab.device.android_text import battery_celsius, cpus, df_free, dumpsys_battery, dumpsys_thermal, getprop

BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  Charge counter: 3512000
  status: 2
  level: 71
  scale: 100
  voltage: 4211
  temperature: 312
  technology: Li-poly
Vendor log:
  temperature: 999
"""


THERMAL = """\
IsStatusOverride: false
ThermalEventListeners:
Thermal Status: 2
Cached temperatures:
	Temperature{mValue=84.2, mType=0, mName=CPU, mStatus=0}
HAL Ready: true
HAL connection:
	ThermalHAL AIDL 2  connected: yes
Current temperatures from HAL:
	Temperature{mValue=57.9, mType=0, mName=CPU, mStatus=0}
	Temperature{mValue=NaN, mType=1, mName=GPU, mStatus=0}
	Temperature{mValue=34.351, mType=3, mName=SKIN, mStatus=0}
Current cooling devices from HAL:
	CoolingDevice{mValue=0, mType=2, mName=cpufreq-cpu0}
"""
"""Formats: device_care.md, section 4; 84.2 cached beside 57.9 current was seen on a real phone."""


def test_the_battery_is_read_up_to_the_vendors_log() -> None:
    """Vendors append logs that repeat the keys."""
    battery = dumpsys_battery(BATTERY)
    assert (battery["level"], battery["temperature"]) == ("71", "312")
    assert battery_celsius(battery) == 31.2


@pytest.mark.parametrize(
    "text", ["", "Can't find service: battery\n", BATTERY.replace("temperature: 312", "x: 1")]
)
def test_a_missing_temperature_is_unknown_never_zero(text: str) -> None:
    """Half-started phones and stripped ROMs print such output."""
    assert battery_celsius(dumpsys_battery(text)) is None


@pytest.mark.parametrize("said", ["47", "9", "0", "-5", "4700"])
def test_a_temperature_in_an_unknown_unit_is_unknown(said: str) -> None:
    """47 whole degrees are no 4.7."""
    assert battery_celsius(dumpsys_battery(BATTERY.replace("312", said))) is None


def test_a_device_without_a_battery_has_no_temperature() -> None:
    """Some boards fill in 25 degrees."""
    text = BATTERY.replace("  status: 2", "  present: false\n  status: 2")
    assert battery_celsius(dumpsys_battery(text)) is None


def test_faked_battery_values_are_refused() -> None:
    """Somebody forgot to undo `dumpsys battery set`."""
    text = BATTERY.replace("state:\n", "state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n")
    assert battery_celsius(dumpsys_battery(text)) is None


def test_only_temperatures_from_the_hal_count() -> None:
    """Cached temperatures may be hours old; NaN is not a reading."""
    thermal = dumpsys_thermal(THERMAL)
    assert (thermal.status, thermal.overridden) == (2, False)
    assert thermal.celsius == {"CPU": 57.9, "SKIN": 34.351}


def test_a_hal_that_is_not_ready_has_no_temperatures_and_an_override_is_seen() -> None:
    """A missing section gives no sensor, never 0."""
    thermal = dumpsys_thermal(
        THERMAL.replace("HAL Ready: true", "HAL Ready: false").replace("de: false", "de: true")
    )
    assert (thermal.celsius, thermal.overridden) == ({}, True)
    assert dumpsys_thermal("").status is None


def test_properties_are_read_over_several_lines() -> None:
    """A value may hold a line break and brackets."""
    assert getprop("[a.b]: [1]\n[c]: [x\ny]\n[d]: []\n[e]: [[z]]\n") == {
        "a.b": "1",
        "c": "x\ny",
        "d": "",
        "e": "[z]",
    }


def test_free_space_is_read_from_both_dfs() -> None:
    """Toybox and coreutils differ in the title only."""
    title = "Filesystem      1K-blocks     Used Available Use% Mounted on\n"
    toybox = f"{title}/dev/block/dm-44 235000000 90000000 145000000  39% /data\n"
    assert df_free(toybox) == 145_000_000 * 1024
    assert df_free("df: /data/local/tmp: Permission denied\n") is None


def test_cpu_lists_are_read() -> None:
    """Linux CPU lists; other text gives no cores."""
    assert cpus("0-3,7") == (0, 1, 2, 3, 7)
    assert cpus("0") == (0,)
    assert cpus("") == cpus("a-b") == cpus("0-") == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[x]: [\n" * 400_000, {}),
        ("[x]: [" * 400_000, {}),
        ("[" * 2_000_000, {}),
        ("[a]: [1]\n" + "[x]: [\n" * 100_000 + "]\n", {"a": "1", "x": "\n" + "[x]: [\n" * 99_999}),
    ],
)
def test_properties_without_end_cost_no_more_than_their_length(text: str, found: dict[str, str]) -> None:
    """A value that no bracket closes is none; it is looked for once (these took hours when it was not)."""
    assert getprop(text) == found


def test_what_a_device_prints_without_end_costs_no_more_than_its_length() -> None:
    """Half a sensor, many times over, is no sensor."""
    assert dumpsys_thermal(THERMAL + "Temperature{mValue=" * 100_000).celsius == dumpsys_thermal(THERMAL).celsius
    assert df_free(f"/dev/block/dm-44 1 2 {'9' * 5000} 39% /data") is None
