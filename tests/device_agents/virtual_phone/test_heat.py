"""The heat model follows algebra and the matrix exponential, and slows a hot phone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from device_agents.virtual_phone import heat
from device_agents.virtual_phone.heat import Heat, step

loads = st.floats(0, 1)
celsius = st.floats(-10, 90)
seconds = st.floats(0, 3600)


def by_matrix_exponential(start: Heat, duration_s: float, watts: float) -> tuple[float, float]:
    """Solve the same two nodes as a matrix with scipy: another implementation of the same physics."""
    g_soc, g_room = 1 / heat.SOC_TO_BODY_KELVIN_PER_WATT, 1 / heat.BODY_TO_ROOM_KELVIN_PER_WATT
    c_soc, c_body = heat.SOC_JOULES_PER_KELVIN, heat.BODY_JOULES_PER_KELVIN
    a = np.array([[-g_soc / c_soc, g_soc / c_soc], [g_soc / c_body, -(g_soc + g_room) / c_body]])
    inflow = np.array([watts / c_soc, g_room * heat.AMBIENT_CELSIUS / c_body])
    end = np.linalg.solve(a, -inflow)
    now = end + expm(a * duration_s) @ (np.array([start.soc_celsius, start.body_celsius]) - end)
    return float(now[0]), float(now[1])


@given(soc=celsius, body=celsius, duration_s=seconds, load=loads)
def test_a_step_is_the_exact_solution(soc: float, body: float, duration_s: float, load: float) -> None:
    """One step of any length agrees with the matrix exponential."""
    after = step(Heat(soc, body), seconds=duration_s, load=load)

    expected = by_matrix_exponential(Heat(soc, body), duration_s, heat.IDLE_WATTS + heat.FULL_WATTS * load)
    assert (after.soc_celsius, after.body_celsius) == pytest.approx(expected, abs=1e-6)


@given(soc=celsius, body=celsius, load=loads)
def test_a_constant_load_ends_at_the_resistances_times_the_power(soc: float, body: float, load: float) -> None:
    """After a day the body is at room + P R, and the chip another P R above it (Ohm's law of heat)."""
    after = step(Heat(soc, body), seconds=86_400, load=load)

    watts = 0.3 + 8.0 * load
    assert after.body_celsius == pytest.approx(25 + 4 * watts, abs=1e-6)
    assert after.soc_celsius == pytest.approx(25 + 8 * watts, abs=1e-6)


@given(soc=celsius, body=celsius, load=loads, first=st.floats(0, 600), second=st.floats(0, 600))
def test_two_steps_are_one_longer_step(soc: float, body: float, load: float, first: float, second: float) -> None:
    """A supervisor that is late by a minute loses nothing."""
    once = step(Heat(soc, body), seconds=first + second, load=load)
    twice = step(step(Heat(soc, body), seconds=first, load=load), seconds=second, load=load)

    assert twice.soc_celsius == pytest.approx(once.soc_celsius, abs=1e-6)
    assert twice.body_celsius == pytest.approx(once.body_celsius, abs=1e-6)


@given(duration_s=st.floats(1, 3600), low=loads, more=st.floats(0.01, 1))
def test_more_load_is_never_cooler(duration_s: float, low: float, more: float) -> None:
    """More work in the same time leaves every node warmer."""
    mild, hard = (step(heat.IDLE, seconds=duration_s, load=load) for load in (low, low + more))

    assert hard.soc_celsius > mild.soc_celsius
    assert hard.body_celsius > mild.body_celsius


@given(duration_s=seconds)
def test_an_idle_phone_stays_as_it_is(duration_s: float) -> None:
    """A phone at rest stays 1.2 K (0.3 W through 4 K/W) above the room."""
    after = step(heat.IDLE, seconds=duration_s, load=0)

    assert after.body_celsius == pytest.approx(26.2)
    assert (after.status, after.cooling) == (0, 0)


def test_full_load_reaches_the_first_trip_in_about_two_minutes() -> None:
    """As its constants intend, the phone slows down before the thermal status changes."""
    phone, trip_s = heat.IDLE, math.inf
    for second in range(1, 1201):
        phone = step(phone, seconds=1, load=heat.speed(heat.caps_khz(phone.cooling)))
        if phone.cooling == 1:
            trip_s = min(trip_s, second)
            assert second > trip_s or phone.status == 0

    assert 90 <= trip_s <= 150
    assert 40 < phone.skin_celsius < 45  # kept there by the cooling, far below the 61.5 degC it would reach


def test_a_level_ends_a_kelvin_below_where_it_began() -> None:
    """Hysteresis keeps a level from flapping at its trip."""
    trips = (40.0, 50.0)
    temperatures = [39.9, 40.0, 39.1, 38.9, 39.5, 51.0, 49.5, 48.9, 20.0]

    levels, now = [], 0
    for temperature in temperatures:
        now = heat.level(temperature, trips, now)
        levels.append(now)

    assert levels == [0, 1, 1, 0, 0, 2, 2, 1, 0]


def test_speed_is_one_at_full_clocks_and_falls_with_every_cooling_state() -> None:
    """A cooling state lowers every policy's clock by one step; the speed weighs clocks by cores."""
    speeds = [heat.speed(heat.caps_khz(cooling)) for cooling in range(6)]

    assert speeds[0] == 1
    assert speeds == sorted(speeds, reverse=True)
    assert len(set(speeds)) == 6
    # 4 x 2.0 + 1.5 (3 x 2.85 + 3.25) = 25.7; with policy 7 at 1.0 GHz 3.375 less
    assert heat.speed((2_000_000, 2_850_000, 1_000_000)) == pytest.approx(22.325 / 25.7)


def test_a_phone_set_to_a_temperature_is_judged_by_it() -> None:
    """After the fault `heat 48` the status is severe (47) and the speed lowest (46); then the phone cools."""
    hot = heat.at(48.0)

    assert (hot.skin_celsius, hot.status, hot.cooling) == (48.0, 3, 5)
    assert step(hot, seconds=600, load=0).skin_celsius < 30
