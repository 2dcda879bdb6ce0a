"""The end of a warm-up, or its absence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.stats.steady import MOST_CANDIDATES, steady


def series(*levels: tuple[float, int], noise: float = 0.01, seed: int = 1) -> list[float]:
    """Levels one after the other, each (seconds, iterations), under log-normal noise."""
    centre = np.repeat([level for level, _ in levels], [count for _, count in levels])
    noisy = centre * np.exp(np.random.default_rng(seed).normal(0, noise, centre.size))
    return [float(value) for value in noisy]


def test_a_warm_up_is_cut_where_it_ends() -> None:
    """Thirty slow iterations, then 300 at 1 s: the start is found to within two, the level to half a per cent."""
    found = steady(series((1.5, 30), (1.0, 300)))

    assert found.state == "steady" and found.first is not None and abs(found.first - 30) <= 2
    assert found.level == pytest.approx(1.0, rel=0.005)


def test_a_series_without_warm_up_is_steady_from_its_first_iteration() -> None:
    """Noise alone, at 20, 100 and 3,000 iterations."""
    for count in (20, 100, 3000):
        assert steady(series((1.0, count))).first == 0


def test_steps_within_five_per_cent_are_one_level() -> None:
    """3 % slower in the middle is seen, and is no warm-up."""
    found = steady(series((1.0, 200), (1.03, 200), (1.0, 200)))

    assert found.first == 0 and len(found.segments) == 3


def test_a_long_series_that_changes_at_its_end_never_settles() -> None:
    """3,000 iterations whose last 200 are 15 % slower: no level is given."""
    found = steady(series((1.0, 2800), (1.15, 200)))

    assert (found.state, found.first, found.level) == ("never steady", None, None)


def test_a_short_one_that_changes_at_its_end_is_not_judged() -> None:
    """A step in 60 or 33 iterations: too short for `never steady`."""
    assert steady(series((1.0, 53), (1.3, 7))).state == "unknown (too short)"
    assert steady(series((1.3, 25), (1.0, 8))).state == "unknown (too short)"


@pytest.mark.parametrize("count", [0, 1, 9])
def test_under_ten_iterations_nothing_is_known(count: int) -> None:
    """The state is unknown."""
    found = steady([1.0] * count)

    assert (found.state, found.first, found.level) == ("unknown (too short)", None, None)


def test_a_constant_series_is_steady() -> None:
    """A quantised timer: one segment, no NaN."""
    found = steady([0.25] * 40)

    assert (found.state, found.first, found.level, found.segments) == ("steady", 0, 0.25, (0,))


def test_single_slow_iterations_are_no_level() -> None:
    """Five outliers of ten times, one of them the last: still steady from the start."""
    values = series((1.0, 300))
    for place in (40, 90, 160, 250, 299):
        values[place] *= 10

    assert steady(values).first == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_value_that_is_not_finite_and_above_zero_is_refused(bad: float) -> None:
    """NaN, infinity, zero, negative."""
    with pytest.raises(ValueError, match="finite and above zero"):
        steady([1.0] * 20 + [bad])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1e-9, 1e9, 0.3]), st.integers(0, 60), st.floats(1.0, 2.0))
def test_neither_unit_nor_repetition_changes_the_answer(seed: int, unit: float, slow: int, by: float) -> None:
    """Nanoseconds, billions, and a second call."""
    values = series((by, slow), (1.0, 150), seed=seed)
    found = steady(values)
    scaled = steady([value * unit for value in values])

    assert steady(values) == found
    assert (scaled.state, scaled.first, scaled.segments) == (found.state, found.first, found.segments)


def test_a_short_burst_near_the_end_is_a_level_and_no_outlier() -> None:
    """Twelve iterations 30 % slower, 288 before the end of 3,000: the steady part after them is too short."""
    found = steady(series((1.0, 2700), (1.3, 12), (1.0, 288), noise=0.005))

    assert found.state == "never steady" and any(abs(start - 2700) <= 2 for start in found.segments)


def test_levels_that_differ_in_spread_alone_are_one_level() -> None:
    """A noisy first half and a quiet second one: cut, and steady from the start."""
    values = series((1.0, 500), noise=0.03) + series((1.0, 500), noise=0.005, seed=2)
    found = steady(values)

    assert found.first == 0 and any(abs(start - 500) <= 20 for start in found.segments)


def test_the_ticks_of_a_coarse_clock_are_no_levels() -> None:
    """Noise of 1 % on a clock that ticks in 1 %, 1,000 times: runs of equal values are not cut out."""
    values = [round(value, 2) for value in series((1.0, 1000))]

    assert steady(values).segments == (0,)


def test_a_series_with_more_levels_than_can_be_weighed_is_answered() -> None:
    """3,000 iterations that change level every four: 750 levels, of which 600 at most are weighed."""
    steps = np.random.default_rng(3).normal(0, 0.3, 750)
    found = steady(series(*((float(level), 4) for level in np.exp(steps)), noise=0.001))

    assert 1 <= len(found.segments) <= MOST_CANDIDATES == 600
