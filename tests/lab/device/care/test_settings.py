"""The settings: which clocks are pinned, what their limits say, and where each setting comes from."""

from __future__ import annotations

import pytest

from lab.device.care.settings import OBSERVE, limits, pinned_khz, pins, throttled


@pytest.mark.parametrize(
    ("highest", "offered", "pinned"),
    [
        (3_250_000, [3_250_000, 2_800_000, 2_350_000, 1_900_000, 1_450_000, 1_000_000], 1_900_000),  # 58 %
        (2_000_000, [2_000_000, 1_400_000, 1_000_000], 1_400_000),  # 50 and 70 %: as near, the first offered
        (1_000_000, [1_000_000, 200_000], 600_000),  # none within: the kernel rounds
        (1_000_000, [], 600_000),
    ],
)
def test_clocks_are_pinned_between_half_and_seven_tenths(highest: int, offered: list[int], pinned: int) -> None:
    """The offered clock nearest to 60 % of the highest."""
    assert pinned_khz(highest, offered) == pinned


def test_the_last_looks_at_the_limits_count() -> None:
    """Movement while the mode starts is ignored; limits that still move later count as none."""
    settled = "\n".join(f"{look} policy0 {600 if look < 4 else 1700} 1700" for look in range(8))
    moving = "\n".join(f"{look} policy4 1700 {1700 + look}" for look in range(8))

    assert limits(f"{settled}\n{moving}\nsh: error\n") == {"policy0": (1700, 1700), "policy4": None}
    assert limits("") == {}


def test_a_survey_that_lacks_things_pins_what_it_can() -> None:
    """A policy without its highest clock is left alone; only a CPU's cooling device shows heat."""
    root = "policy0 cpuinfo_max_freq \npolicy0 scaling_min_freq 1\n"
    assert pins(root, lambda script: (script,)) == ()
    assert not throttled("cooling lcd-backlight 3\ncooling cpufreq-cpu0 0\n")
    assert throttled("cooling cpufreq-cpu0 1\n")


def test_every_setting_has_a_source_and_none_cuts_the_link() -> None:
    """Adb over Wi-Fi must keep working, and no setting fakes values."""
    lines = [" ".join(knob.write(value)) for knob in OBSERVE for value in (knob.wanted, "null")]
    words = ("airplane", "wifi", "override-status", "battery", "thermald", "suspend_input")

    assert not [line for line in lines for word in words if word in line]
    assert all(knob.source for knob in OBSERVE)
    assert len({knob.name for knob in OBSERVE}) == len(OBSERVE)
