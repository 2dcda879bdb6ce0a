"""Preparing a device: every setting is read back, and its outcome says what was proven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.device import local
from lab.device.care.prepare import Prepared, Setting, facts, prepare
from lab.device.care.restore import Restored, restore
from lab.device.transport import Completed
from lab.errors import DeviceRefused
from tests.lab.device.care.android_phone import (
    SECURITY,
    Android,
    as_bought,
    hide_clocks,
    journalled,
    prepared,
    put_back,
)


@pytest.fixture
def android(tmp_path: Path) -> Android:
    """A phone as bought."""
    return as_bought(tmp_path)


def test_a_phone_is_prepared_and_put_back(android: Android, tmp_path: Path) -> None:
    """A setting without a value has none afterwards, and a screen that was off is off again."""
    before = android.state()

    found = prepared(android, tmp_path)

    assert {one.outcome for one in found.values()} == {"applied", "already"}
    assert found["low_power"].outcome == "already"
    assert found["screen_brightness"] == Setting("screen_brightness", "1", "102", "1", "applied", "", drifts=True)
    assert android.awake and not android.doze
    assert android.settings["global/animator_duration_scale"] == "0"
    restored = put_back(android, tmp_path)
    assert android.state() == before
    assert set(restored.undone) == set(found) - {"low_power"}
    assert (restored.told, restored.pending, journalled(tmp_path)) == ((), (), [])


def test_a_refused_setting_says_why_and_the_others_go_on(android: Android, tmp_path: Path) -> None:
    """Some ROMs need a second switch before a shell may write settings."""

    def refuses(line: str, does: Callable[[], Completed]) -> Completed:
        denied = Completed(255, "", f"\nException occurred while executing 'put':\n{SECURITY}\n")
        return denied if line.startswith("settings put system") else does()

    android.answers = refuses
    found = prepared(android, tmp_path)

    assert (found["screen_brightness"].outcome, found["screen_brightness"].detail) == ("refused", SECURITY)
    assert found["stay_on_while_plugged_in"].outcome == "applied"
    assert put_back(android, tmp_path).told == ()


@pytest.mark.parametrize(
    ("reads", "outcome", "after"),
    [("102", "refused", "102"), ("10", "unverifiable", "10")],
    ids=["nothing was done", "something else was done"],
)
def test_what_is_read_back_counts_not_what_is_said(
    android: Android, tmp_path: Path, reads: str, outcome: str, after: str
) -> None:
    """Reported success without a change is a refusal; the lab also undoes another value that the phone chose."""

    def lies(line: str, does: Callable[[], Completed]) -> Completed:
        if line == "settings put system screen_brightness 1":
            android.settings["system/screen_brightness"] = reads
            return Completed(0, "", "")
        return does()

    android.answers = lies
    found = prepared(android, tmp_path)["screen_brightness"]

    assert (found.outcome, found.after) == (outcome, after)
    assert reads in found.detail
    assert put_back(android, tmp_path).told == ()
    assert android.settings["system/screen_brightness"] == "102"


def test_this_machine_is_never_changed(tmp_path: Path) -> None:
    """A host has no settings, and only the profile `observe`."""
    assert prepare(local.connect(), "observe", tmp_path) == Prepared(())
    assert restore(local.connect(), tmp_path) == Restored()
    for profile in ("fixed", "rooted"):
        with pytest.raises(DeviceRefused, match="the lab never changes this machine; use `observe`"):
            prepare(local.connect(), profile, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_facts_say_what_was_in_force() -> None:
    """They do not say who set it, and leave out a drifting value that nothing held."""
    settings = (
        Setting("low_power", "0", "0", "0", "already"),
        Setting("window_animation_scale", "0", "1.0", "0.0", "applied"),
        Setting("screen_off_timeout", "1800000", "60000", "60000", "refused", SECURITY),
        Setting("screen_brightness", "1", "87", "87", "refused", SECURITY, drifts=True),
        Setting("doze", "off", "", "", "unverifiable", "hung"),
    )

    assert facts(Prepared(settings)) == {
        "care_low_power": "applied 0",
        "care_window_animation_scale": "applied 0",
        "care_screen_off_timeout": "refused 60000",
        "care_screen_brightness": "refused",
        "care_doze": "unverifiable",
    }


def test_the_next_lab_finds_the_phone_as_its_owner_left_it(android: Android, tmp_path: Path) -> None:
    """Preparing restores first, so a crashed lab's values never count as the owner's."""
    before = android.state()
    prepared(android, tmp_path)

    found = prepared(android, tmp_path)  # nobody restored

    assert found["screen_brightness"].before == "102"
    assert put_back(android, tmp_path).pending == ()
    assert android.state() == before


@pytest.mark.parametrize(
    ("low", "high", "first"),
    [("1000000", "3250000", "max"), ("1000000", "1450000", "max"), ("2350000", "3250000", "min")],
    ids=["within", "above the maximum", "below the minimum"],
)
def test_pins_never_cross(android: Android, tmp_path: Path, low: str, high: str, first: str) -> None:
    """The kernel rejects a minimum above its maximum, so the order matters both ways."""
    android.uid = 0
    policy = android.sys / "devices/system/cpu/cpufreq/policy7"
    (policy / "scaling_min_freq").write_text(f"{low}\n")
    (policy / "scaling_max_freq").write_text(f"{high}\n")
    before = android.nodes()

    found = prepared(android, tmp_path, "rooted")

    pinned = [one for one in found.values() if one.name.startswith("policy7")]
    assert next(one.name for one in pinned) == f"policy7_scaling_{first}_freq"
    assert {(one.name, one.after, one.outcome) for one in pinned} == {
        ("policy7_scaling_min_freq", "1900000", "applied"),
        ("policy7_scaling_max_freq", "1900000", "applied"),
        ("policy7_scaling_governor", "performance", "applied"),
    }
    assert put_back(android, tmp_path).told == ()
    assert android.nodes() == before


def test_a_pin_that_is_overridden_within_seconds_is_not_applied(android: Android, tmp_path: Path) -> None:
    """A vendor's service raises the maximum again shortly after the lab has read it back."""
    android.uid = 0
    node = android.sys / "devices/system/cpu/cpufreq/policy7/scaling_max_freq"

    def overrides(line: str, does: Callable[[], Completed]) -> Completed:
        if "while" in line:
            node.write_text("2800000\n")
        return does()

    android.answers = overrides
    found = prepared(android, tmp_path, "rooted")

    assert found["policy7_scaling_min_freq"].outcome == "applied"
    assert found["policy7_scaling_max_freq"].outcome == "unverifiable"
    assert found["policy7_scaling_max_freq"].detail == "1900000 was written, and within seconds it read 2800000"


def test_fixed_performance_is_asked_for_where_no_clock_can_be_read(android: Android, tmp_path: Path) -> None:
    """Nobody can prove it, so it is unverifiable; it is still switched off afterwards."""
    hide_clocks(android)

    found = prepared(android, tmp_path, "fixed")["fixed_performance"]

    assert (found.outcome, found.before, found.after) == ("unverifiable", "", "")
    assert android.fixed
    assert [one["before"] for one in journalled(tmp_path) if one["setting"] == found.name] == ["not held"]
    restored = put_back(android, tmp_path)
    assert not android.fixed
    assert "fixed_performance" in restored.undone
    assert (restored.told, journalled(tmp_path)) == ((), [])


def test_fixed_performance_that_android_refuses_leaves_nothing_to_be_put_back(
    android: Android, tmp_path: Path
) -> None:
    """Android 10 lacks the mode, so no later contact tries to switch it off."""
    hide_clocks(android)

    def unknown(line: str, does: Callable[[], Completed]) -> Completed:
        return (
            Completed(255, "", "Unknown command: set-fixed-performance-mode-enabled")
            if "fixed" in line
            else does()
        )

    android.answers = unknown
    found = prepared(android, tmp_path, "fixed")["fixed_performance"]

    assert found.outcome == "unverifiable"
    assert found.detail.startswith("Unknown command: set-fixed-performance-mode-enabled; ")
    assert (put_back(android, tmp_path).told, journalled(tmp_path)) == ((), [])


def test_fixed_performance_that_could_not_be_switched_off_is_not_forgotten(
    android: Android, tmp_path: Path
) -> None:
    """An earlier run switched it on; a later refusal does not change that."""
    hide_clocks(android)
    prepared(android, tmp_path, "fixed")

    def refuses(line: str, does: Callable[[], Completed]) -> Completed:
        return Completed(255, "", SECURITY) if "fixed" in line else does()

    android.answers = refuses
    prepared(android, tmp_path, "fixed")
    assert put_back(android, tmp_path).pending == ("fixed_performance",)

    android.answers = lambda line, does: does()
    assert put_back(android, tmp_path).pending == ()
    assert not android.fixed
