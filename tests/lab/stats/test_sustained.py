"""The peak, the lasting rate, and the time of a loss of a tenth."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import NotEnoughData
from lab.stats.sustained import sustained


def curve(rate: Callable[[float], float], *, minutes: float, every_s: float = 2.0) -> list[tuple[float, float]]:
    """Return iterations that begin every so often, at the rate of that moment (seconds -> rate)."""
    return [(1000.0 + i * every_s, rate(i * every_s)) for i in range(int(minutes * 60 / every_s) + 1)]


def test_a_phone_that_throttles_after_six_minutes() -> None:
    """24 tokens/s for six minutes, then 18: peak, ratio and the time of the loss are those of the generator."""
    found = sustained(curve(lambda t: 24.0 if t < 360 else 18.0, minutes=20), unit="tokens/s")

    assert found.peak == pytest.approx(24) and found.peak_at_s == 0
    assert found.lasting == pytest.approx(18)
    assert found.ratio == pytest.approx(0.75)
    assert found.loss_at_s == 360
    assert len(found.windows) == 20 and found.why == ""


def test_a_device_that_holds_its_rate_loses_nothing() -> None:
    """There is no time of loss; the end of the trial is not one."""
    found = sustained(curve(lambda t: 24.0, minutes=20))

    assert found.loss_at_s is None
    assert found.ratio == pytest.approx(1)


def test_one_slow_minute_is_no_loss() -> None:
    """Something else ran for a minute; afterwards the rate was back."""
    found = sustained(curve(lambda t: 10.0 if 300 <= t < 360 else 24.0, minutes=20))

    assert found.loss_at_s is None


def test_a_slow_last_minute_is_no_loss_either() -> None:
    """Nine minutes at 10 and one at 8 are no loss, since it may not have lasted; two at 8 are one."""
    one = sustained(curve(lambda t: 10.0 if t < 540 else 8.0, minutes=10))
    two = sustained(curve(lambda t: 10.0 if t < 480 else 8.0, minutes=10))

    assert len(one.windows) == 10
    assert (one.loss_at_s, two.loss_at_s) == (None, 480)


def test_the_peak_need_not_be_the_first_minute() -> None:
    """Clocks that rise late: the loss is counted after the peak."""
    found = sustained(curve(lambda t: 12.0 if t < 120 else 24.0 if t < 600 else 20.0, minutes=20))

    assert (found.peak_at_s, found.loss_at_s) == (120, 600)


def test_a_window_is_work_over_time() -> None:
    """Half the iterations at 10 a second and half at 30 make 15, not 20."""
    found = sustained([(i * 1.0, 10.0 if i % 2 else 30.0) for i in range(301)])

    assert found.windows[0].rate == pytest.approx(15)


def test_a_short_trial_shows_its_curve_and_says_why_there_is_no_more() -> None:
    """Three whole minutes are no peak and no last quarter."""
    found = sustained(curve(lambda t: 24.0, minutes=3.5))

    assert len(found.windows) == 3
    assert (found.peak, found.lasting, found.ratio, found.loss_at_s) == (None, None, None, None)
    assert found.why == "it lasted 3.5 min, which is 3 windows of 60 s; peak and lasting rate take 4"


def test_long_iterations_have_long_windows() -> None:
    """Iterations of 50 s: a window is three minutes and holds three of them at least."""
    found = sustained(curve(lambda t: 1.0, minutes=20, every_s=50.0))

    assert found.window_s == 180
    assert min(window.iterations for window in found.windows) >= 3


def test_skin_temperature_is_put_beside_the_rate() -> None:
    """The mean of each window; None without a reading."""
    heat = [(1000.0 + t, 30.0 + t / 60) for t in range(0, 300)]
    found = sustained(curve(lambda t: 24.0, minutes=10), celsius=heat)

    assert found.windows[0].celsius == pytest.approx(30.49, abs=0.02)
    assert found.windows[4].celsius == pytest.approx(34.49, abs=0.02)
    assert found.windows[5].celsius is None


def test_a_stall_leaves_no_window_of_nothing() -> None:
    """Two minutes without the start of an iteration give no rate of zero, and no division by zero."""
    whole = curve(lambda t: 24.0, minutes=10)
    found = sustained([point for point in whole if not 1180 <= point[0] < 1300])

    assert [window.start_s for window in found.windows] == [0, 60, 120, 300, 360, 420, 480, 540]


def test_nothing_and_nonsense_are_refused() -> None:
    """No iteration, and rates that are not finite and above zero."""
    with pytest.raises(NotEnoughData):
        sustained([])
    for rate in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="finite and above zero"):
            sustained([(0.0, rate)])


@given(st.lists(st.floats(1, 100), min_size=20, max_size=40), st.sampled_from([2.0**-30, 0.5, 2.0**20]))
def test_another_unit_is_the_same_result(rates: list[float], factor: float) -> None:
    """Scaling every rate (by a power of two: nothing is rounded) changes neither ratio nor time of loss."""
    plain = sustained([(i * 20.0, rate) for i, rate in enumerate(rates)])
    scaled = sustained([(i * 20.0, rate * factor) for i, rate in enumerate(rates)])

    assert plain.peak is not None and scaled.peak is not None and plain.ratio is not None
    assert scaled.peak == pytest.approx(plain.peak * factor)
    assert scaled.ratio == pytest.approx(plain.ratio)
    assert scaled.loss_at_s == plain.loss_at_s
    assert plain.ratio <= 1 + 1e-12
