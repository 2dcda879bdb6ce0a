"""A setting that was proven and no longer holds is reported, with what it reads now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.device.care.prepare import facts, lapsed
from lab.device.fake.phone import fake_device
from lab.device.transport import Completed
from lab.errors import DeviceLost
from tests.lab.device.care.android_phone import SECURITY, Android, as_bought, ready


@pytest.fixture
def android(tmp_path: Path) -> Android:
    """A phone as bought."""
    return as_bought(tmp_path)


def test_what_holds_is_not_mentioned(android: Android, tmp_path: Path) -> None:
    """Of all that was set, fixed clocks included."""
    android.uid = 0
    prepared = ready(android, tmp_path, "rooted")

    assert lapsed(fake_device(android), prepared) == ()


@pytest.mark.parametrize(
    ("key", "name", "wanted"),
    [("global/low_power", "low_power", "0"), ("system/screen_off_timeout", "screen_off_timeout", "1800000")],
    ids=["was as wanted already", "was applied"],
)
def test_a_setting_that_android_changed_meanwhile_is_told(
    android: Android, tmp_path: Path, key: str, name: str, wanted: str
) -> None:
    """With the device, the setting, what was wanted and what was found."""
    prepared = ready(android, tmp_path)
    android.settings[key] = "1"

    (found,) = lapsed(fake_device(android), prepared)

    assert (found.name, found.wanted, found.after, found.outcome) == (name, wanted, "1", "unverifiable")
    assert found.detail.startswith(
        f"fake: {name} read {wanted} when the run began, as wanted, and reads 1 at its end"
    )


def test_a_clock_that_is_held_no_more_is_told(android: Android, tmp_path: Path) -> None:
    """Heat may cut a pinned maximum."""
    android.uid = 0
    prepared = ready(android, tmp_path, "rooted")
    (android.sys / "devices/system/cpu/cpufreq/policy7/scaling_max_freq").write_text("1450000\n")

    assert [one.name for one in lapsed(fake_device(android), prepared)] == ["policy7_scaling_max_freq"]


def test_what_was_never_proven_does_not_lapse(android: Android, tmp_path: Path) -> None:
    """A refused setting is recorded as refused, whatever it reads at the end."""

    def refuses(line: str, does: Callable[[], Completed]) -> Completed:
        return Completed(255, "", SECURITY) if line.startswith("settings put system") else does()

    android.answers = refuses
    prepared = ready(android, tmp_path)
    android.settings["system/screen_off_timeout"] = "15000"

    assert lapsed(fake_device(android), prepared) == ()


@pytest.mark.parametrize("away", [True, False], ids=["the device is away", "settings cannot be read"])
def test_nothing_is_said_of_what_cannot_be_looked_at(android: Android, tmp_path: Path, away: bool) -> None:
    """Not knowing is no change."""
    prepared = ready(android, tmp_path)

    def fails(line: str, does: Callable[[], Completed]) -> Completed:
        if away:
            raise DeviceLost("fake: not attached")
        return Completed(255, "", SECURITY) if line.startswith("settings") else does()

    android.answers = fails

    assert lapsed(fake_device(android), prepared) == ()


# --- what becomes of the run ---------------------------------------------------------------------------------


def test_facts_of_what_lapsed_say_unverifiable(android: Android, tmp_path: Path) -> None:
    """With what it reads, unless that moves by itself."""
    prepared = ready(android, tmp_path)
    android.settings |= {"system/screen_brightness": "87", "system/screen_off_timeout": "60000"}

    found = facts(type(prepared)(lapsed(fake_device(android), prepared)))

    assert found == {
        "care_screen_brightness": "unverifiable",
        "care_screen_off_timeout": "unverifiable 60000",
    }
