"""How cool a device is at rest: learnt at gates, kept for seven days."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lab.gate.idle import Idle, remember, remembered
from lab.records import Vitals

MONDAY, TUESDAY = "2026-11-23T08:00:00.000Z", "2026-11-24T08:00:00.000Z"


def warm(skin: float, chip: float) -> Vitals:
    """A look at a device this warm (degC)."""
    return Vitals(boot_s=1.0, celsius={"vtskin-max": skin, "soc_max": chip})


def test_the_lowest_of_each_sensor_is_remembered(tmp_path: Path) -> None:
    """A look at a warmer device changes nothing, and another device has its own."""
    for skin, chip in ((27.5, 31.0), (26.5, 33.0), (29.0, 30.0)):
        remember(tmp_path, "phone-1", warm(skin, chip), utc=MONDAY)
    remember(tmp_path, "phone-1", warm(30.0, 40.0), utc=TUESDAY)
    remember(tmp_path, "phone-2", Vitals(boot_s=1.0, celsius={"soc_max": 45.0}), utc=MONDAY)

    assert remembered(tmp_path, "phone-1", utc=TUESDAY) == Idle(skin=26.5, soc=30.0)
    assert remembered(tmp_path, "phone-2", utc=TUESDAY) == Idle(skin=None, soc=45.0)
    assert remembered(tmp_path, "phone-3", utc=TUESDAY) is None


def test_a_low_is_forgotten_after_a_week_of_days(tmp_path: Path) -> None:
    """Monday's low counts until Sunday; after that the lows of the other days count."""
    remember(tmp_path, "phone-1", warm(20.0, 25.0), utc=MONDAY)
    remember(tmp_path, "phone-1", warm(24.0, 29.0), utc=TUESDAY)

    assert remembered(tmp_path, "phone-1", utc="2026-11-29T23:59:00.000Z") == Idle(20.0, 25.0)
    assert remembered(tmp_path, "phone-1", utc="2026-11-30T00:00:00.000Z") == Idle(24.0, 29.0)
    assert remembered(tmp_path, "phone-1", utc="2026-12-01T00:00:00.000Z") is None


def test_a_host_whose_clock_was_set_back_does_not_believe_days_to_come(tmp_path: Path) -> None:
    """An entry under a wrong date is dropped at the next change."""
    remember(tmp_path, "phone-1", warm(20.0, 25.0), utc="2031-01-01T00:00:00.000Z")

    assert remembered(tmp_path, "phone-1", utc=MONDAY) is None
    remember(tmp_path, "phone-1", warm(27.0, 30.0), utc=MONDAY)
    assert remembered(tmp_path, "phone-1", utc="2031-01-01T00:00:00.000Z") is None


@pytest.mark.parametrize("celsius", [float("nan"), float("inf"), -274.0])
def test_what_no_phone_can_be_is_not_learnt(tmp_path: Path, celsius: float) -> None:
    """Otherwise no gate would open for a week."""
    remember(tmp_path, "phone-1", warm(celsius, celsius), utc=MONDAY)

    assert remembered(tmp_path, "phone-1", utc=MONDAY) is None
    assert not (tmp_path / "devices").exists()


def test_a_damaged_file_is_reported_and_learnt_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It costs only a few looks."""
    path = tmp_path / "devices" / "idle.json"
    path.parent.mkdir()
    path.write_text('{"phone-1": {"monday": {"skin": 26}}}')

    with caplog.at_level(logging.WARNING):
        assert remembered(tmp_path, "phone-1", utc=MONDAY) is None
    assert "is damaged" in caplog.text
    remember(tmp_path, "phone-1", warm(27.0, 30.0), utc=MONDAY)
    assert remembered(tmp_path, "phone-1", utc=MONDAY) == Idle(27.0, 30.0)
