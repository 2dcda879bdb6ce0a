"""The rules of a gate: which looks let a trial start, and what the others say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.gate.idle import Idle
from lab.gate.ready import Slope, decide
from lab.records import SENSOR_GONE, Vitals
from lab.scenario.plan import Gates
from tests.lab.gate.door import BARE, COOL, WANTED, Door, warm


def test_a_phone_that_still_cools_quickly_is_not_let_in_yet() -> None:
    """It is below its limit but falls by 0.6 degC a minute: it is still warm inside."""
    door = Door(warm(max(26.5, 28.1 - 0.01 * 5 * n)) for n in range(400))

    opened = door.passed()

    # The skin is below 28.0 from 15 s, at 26.5 from 160 s; a slope of -0.2 is reached later and before 220 s.
    assert 170 < opened.waited_s <= 220
    assert "vtskin-max cools down by 0.60 °C a minute, wanted less than 0.2" in door.told[1]


def test_a_chip_that_had_to_cool_is_not_watched_for_a_minute() -> None:
    """A chip cools within seconds, and the case never was too warm."""
    hot = replace(COOL, celsius={**COOL.celsius, "soc_max": 48.0})
    door = Door([hot, hot, COOL])

    assert door.passed().waited_s == 10.0
    assert "soc_max reads 48.0 °C, wanted at most 35.0 °C" in door.told[0]


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (replace(COOL, celsius={"battery": 35.1}), "the battery reads 35.1 °C, wanted at most 35.0 °C"),
        (
            replace(COOL, celsius={**COOL.celsius, "soc_max": 35.1}),
            "soc_max reads 35.1 °C, wanted at most 35.0 °C",
        ),
        (replace(COOL, battery_level=19.0), "the battery is at 19 %, wanted at least 20 %"),
        (replace(COOL, thermal_status=1), "the thermal status is 1, wanted at most 0"),
        (
            replace(COOL, cooling={"cpufreq-cpu7": 2, "charger-cooler": 0}),
            "cpufreq-cpu7 is still throttled by its thermal driver (state 2)",
        ),
    ],
)
def test_each_rule_has_its_own_words(look: Vitals, words: str) -> None:
    """Beyond any limit a device must wait; the message names the rule."""
    door = Door(repeat(look), wanted=Gates(wait_s=4.0))

    opened = door.passed()

    assert door.journal == ["look", "sleep 4", "look"]
    assert words in door.told[0]
    assert words in opened.timed_out


def test_a_device_right_at_its_limits_is_let_in() -> None:
    """At most means at most."""
    edge = replace(
        COOL,
        celsius={"vtskin-max": 28.0, "soc_max": 35.0, "battery": 35.0},
        battery_level=20.0,
        busy_cores=1.0,
    )
    assert Door([edge]).passed().flags == ()


def test_a_sensor_that_vanishes_while_too_warm_ends_the_waiting() -> None:
    """After three looks without a reading nobody can know; the message gives the last reading and the reason."""
    lost = replace(COOL, celsius={"battery": 27.0, "soc_max": 32.0}, missing={"vtskin-max": "may not be read"})
    door = Door([warm(38.0), lost, lost, lost])

    opened = door.passed()

    assert door.journal == ["look", *["sleep 5", "look"] * 3]
    assert opened.timed_out == (
        "whether the device had cooled cannot be known: the skin sensor gives no reading any more "
        "(may not be read), 3 looks in a row; before, vtskin-max reads 38.0 °C, wanted at most 28.0 °C "
        "(2 above the 26.0 °C it has at rest)"
    )
    assert SENSOR_GONE in opened.flags


def test_a_sensor_that_comes_back_counts_again() -> None:
    """Two looks without a reading are not enough to give it up."""
    lost = replace(COOL, celsius={"soc_max": 32.0, "battery": 27.0})
    door = Door([replace(COOL, busy_cores=2.0), lost, lost, COOL])

    opened = door.passed()

    assert door.journal == ["look", *["sleep 5", "look"] * 3]
    assert (opened.flags, opened.timed_out) == ((), "")


def test_a_sensor_that_was_there_other_days_is_missed() -> None:
    """The gate tries three times; then the other sensors decide, and the trial is flagged."""
    lost = replace(COOL, celsius={"soc_max": 32.0, "battery": 27.0})
    door = Door([lost] * 3)

    opened = door.passed()

    assert door.journal == ["look", "sleep 5", "look", "sleep 5", "look"]
    assert (opened.flags, opened.timed_out) == ((SENSOR_GONE,), "")


def test_all_sensors_gone_is_no_sensor_at_all() -> None:
    """A phone whose sensors all stop answering from one day to the next rests, and both flags say so."""
    door = Door(repeat(BARE), wanted=Gates(pause_s=20.0))

    opened = door.passed()

    assert opened.waited_s == 20.0
    assert opened.flags == ("ungated", SENSOR_GONE)


@pytest.mark.parametrize("said", [-274.0, float("nan"), float("inf")])
def test_what_no_phone_can_be_is_no_reading(said: float) -> None:
    """A reading of -274 degC opens no gate."""
    door = Door([warm(38.0), *[warm(said)] * 3])

    assert "gives no reading any more, 3 looks in a row" in door.passed().timed_out


@pytest.mark.parametrize("jump", [-3600.0, -20.0, 3600.0])
def test_a_device_whose_clock_jumps_must_hold_still_for_a_minute_all_the_same(jump: float) -> None:
    """Looks before a backward step do not count; a leap forward counts as a long time to cool."""
    door = Door(
        chain([warm(31.0)], repeat(warm(27.0))),
        device_clock=lambda seconds: 9000.0 + seconds + (jump if seconds > 30 else 0.0),
    )

    opened = door.passed()

    assert opened.timed_out == ""
    assert opened.waited_s == (95.0 if jump < 0 else 35.0)


@pytest.mark.parametrize("clock", [lambda seconds: 5.0, lambda seconds: math.nan])
def test_a_device_whose_clock_stands_still_is_given_up_at_the_bound(clock: Callable[[float], float]) -> None:
    """The rate of change is unknown then: the message says that no time passed."""
    door = Door(chain([warm(31.0)], repeat(warm(27.0))), wanted=Gates(wait_s=90.0), device_clock=clock)

    opened = door.passed()

    assert opened.waited_s == 90.0
    assert "vtskin-max was watched for 0 s of the 60 s that it must hold still" in opened.timed_out


ANY = st.floats(allow_nan=True, allow_infinity=True)
NAMES = st.sampled_from(["vtskin-max", "vtskin1", "SKIN", "soc_max", "cpu-big-core7-0", "apu-a0", "battery", "x"])
VITALS = st.builds(
    Vitals,
    boot_s=ANY,
    celsius=st.dictionaries(NAMES, ANY | st.floats(20, 50)),
    caps=st.dictionaries(st.sampled_from(["policy0", "policy7"]), ANY),
    cooling=st.dictionaries(st.sampled_from(["cpufreq-cpu0", "devfreq-x.mali", "lcd"]), st.integers()),
    thermal_status=st.none() | st.integers(),
    battery_level=st.none() | ANY,
    powered=st.none() | st.booleans(),
    busy_cores=st.none() | ANY,
    stolen_cores=st.none() | ANY,
    missing=st.dictionaries(NAMES, st.text(max_size=5)),
)
IDLE = st.none() | st.builds(Idle, st.none() | st.floats(-40, 150), st.none() | st.floats(-40, 150))


@settings(max_examples=300)
@given(looks=st.lists(VITALS, max_size=8), idle=IDLE, cores=st.integers(0, 8), seconds=st.floats(0, 100))
def test_no_sequence_of_looks_breaks_the_decision(
    looks: Sequence[Vitals], idle: Idle | None, cores: int, seconds: float
) -> None:
    """Whatever sensors read, there is a decision, and its kind and words agree."""
    found = decide(looks, WANTED, idle, cores, slope=Slope(0.2, seconds))

    assert (found.kind == "wait") == bool(found.care or found.load or found.gone)
    assert all(found.care)
