"""Intervals and spread of a cell's trials, against scipy, algebra and simulated coverage."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lab.errors import NotEnoughData
from lab.records import Interval
from lab.stats.interval import Looks, cell_interval, interval, spread
from lab.stats.sample import MIN_TRIALS, Floats

positive = st.floats(min_value=1e-6, max_value=1e6)
medians = st.lists(positive, min_size=4, max_size=12)


def test_the_interval_is_that_of_a_t_test_on_logarithms() -> None:
    """Scipy's one-sample t interval on logs is the reference."""
    values = [0.301, 0.312, 0.299, 0.320, 0.307]
    reference = stats.ttest_1samp(np.log(values), 0.0).confidence_interval(0.95)

    found = interval(values)

    assert found.low == pytest.approx(math.exp(reference.low))
    assert found.high == pytest.approx(math.exp(reference.high))
    assert found.estimate == pytest.approx(stats.gmean(values))
    assert (found.level, found.n) == (0.95, 5)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_there_is_no_interval_under_four_trials(count: int) -> None:
    """The estimate stands alone, constant or not."""
    assert MIN_TRIALS == 4
    for values in ([2.0] * count, [2.0, 8.0, 4.0][:count]):
        found = interval(values)
        assert (found.low, found.high, found.n) == (None, None, count)
    assert interval([2.0, 8.0]).estimate == pytest.approx(4.0)


def test_a_constant_sample_has_an_interval_of_no_width() -> None:
    """A quantised timer gives an interval of no width, not NaN."""
    found = interval([0.1] * 5)

    assert (found.low, found.estimate, found.high) == (0.1, 0.1, 0.1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_a_value_no_trial_can_have_is_refused(bad: float) -> None:
    """NaN, infinity, zero and less are refused, not averaged."""
    with pytest.raises(ValueError, match="finite values above zero"):
        interval([1.0, 1.0, 1.0, bad])


def test_nothing_has_no_interval() -> None:
    """Without a trial there is not even an estimate."""
    with pytest.raises(NotEnoughData):
        interval([])


def test_a_level_outside_0_and_1_is_refused() -> None:
    """A level of 95 would silently be no interval at all."""
    with pytest.raises(ValueError, match="level"):
        interval([1.0, 2.0, 3.0, 4.0], level=95)


@given(medians, st.floats(min_value=1e-9, max_value=1e9), st.randoms())
def test_another_unit_or_order_is_the_same_t_interval(values: list[float], unit: float, random: object) -> None:
    """Milliseconds instead of seconds multiply all three figures; order changes nothing."""
    base, other = interval(values), interval([v * unit for v in reversed(values)])

    assert base.low is not None and base.high is not None and other.low is not None and other.high is not None
    assert base.low <= base.estimate * (1 + 1e-12) and base.estimate <= base.high * (1 + 1e-12)
    ours = np.array([base.low, base.estimate, base.high]) * unit
    assert np.allclose(ours, [other.low, other.estimate, other.high], rtol=1e-6)


@given(medians)
def test_more_of_the_same_data_is_narrower(values: list[float]) -> None:
    """The same trials twice over never widen the interval."""
    once, twice = interval(values), interval(values * 2)

    assert once.low is not None and once.high is not None and twice.low is not None and twice.high is not None
    assert math.log(twice.high / twice.low) <= math.log(once.high / once.low) + 1e-9


@pytest.mark.parametrize("count", [4, 6, 10])
def test_the_interval_covers_its_level(count: int) -> None:
    """At nominal 95 % the true median is inside at least 93 % of the time, on trials of three iterations each."""
    generator = np.random.default_rng(20241123)
    trials = generator.normal(0.0, 0.05, (4000, count, 1)) + generator.normal(0.0, 0.10, (4000, count, 3))
    inside = 0
    for values in np.median(np.exp(math.log(0.3) + trials), axis=2):
        found = interval(values.tolist())
        assert found.low is not None and found.high is not None
        inside += found.low <= 0.3 <= found.high

    assert 0.93 <= inside / 4000 <= 0.97


def test_pooled_iterations_would_not_cover() -> None:
    """The reason for trial medians: with iterations pooled, the interval covers far less than its level."""
    generator = np.random.default_rng(5)
    logs = generator.normal(0.0, 0.10, (500, 4, 1)) + generator.normal(0.0, 0.02, (500, 4, 20))
    pooled = [interval(np.exp(trial).ravel().tolist()) for trial in logs]

    assert np.mean([i.low is not None and i.high is not None and i.low <= 1 <= i.high for i in pooled]) < 0.6


def test_spread_splits_variation_as_the_analysis_of_variance_does() -> None:
    """Hand-worked: logs (0, 2), (4, 6), (0, 2), (4, 6): MSW = 2, MSB = 32 / 3, between = (32/3 - 2) / 2."""
    found = spread([[math.exp(a), math.exp(b)] for a, b in ((0, 2), (4, 6), (0, 2), (4, 6))])

    assert found.within_cv == pytest.approx(math.sqrt(math.expm1(2)))
    assert found.between_cv == pytest.approx(math.sqrt(math.expm1(13 / 3)))


def test_spread_finds_the_components_it_was_simulated_with() -> None:
    """Unbalanced trials, 3 % between and 1 % within."""
    generator = np.random.default_rng(3)
    trials = [
        np.exp(generator.normal(0, 0.03) + generator.normal(0, 0.01, 2 + index % 4)).tolist()
        for index in range(3000)
    ]
    found = spread(trials)

    assert found.between_cv == pytest.approx(0.03, rel=0.05)
    assert found.within_cv == pytest.approx(0.01, rel=0.05)


def test_spread_is_none_if_it_cannot_be_estimated() -> None:
    """One iteration a trial separates nothing; three trials give no `between_cv`; a negative part is zero."""
    assert spread([[1.0], [2.0], [3.0], [4.0]]).between_cv is None
    assert spread([[1.0], [2.0], [3.0], [4.0]]).within_cv is None
    three = spread([[1.0, 1.1], [1.0, 1.1], [1.0, 1.1]])
    assert three.between_cv is None and three.within_cv is not None
    assert spread([[1.0, 1.1]] * 4).between_cv == 0.0
    assert spread([]).within_cv is None


def skewed(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return log trials, one in four in a mode 20 % slower; the median is the 2/3 quantile of the quick mode."""
    slow = generator.random((sessions, trials)) < 0.25
    return np.asarray(0.2 * slow + generator.normal(0, 0.01, (sessions, trials)))


MIDDLE = 0.01 * 0.4307272992954576
"""Median of :func:`skewed`: the standard normal's 2/3 quantile, in its narrow spread."""


def test_a_cell_is_represented_by_the_median_of_its_trials() -> None:
    """Odd: the middle; even: the geometric mean of the two middle ones; one slow trial moves neither."""
    assert cell_interval([3.0, 1.0, 90.0], looks=None).estimate == pytest.approx(3.0)
    assert cell_interval([1.0, 2.0, 8.0, 90.0], looks=None).estimate == pytest.approx(4.0)


@pytest.mark.parametrize(("looks", "least"), [(None, 5), (Looks(), 7), (Looks(15, 4), 6)])
def test_too_few_trials_have_no_interval(looks: Looks | None, least: int) -> None:
    """With fewer than five trials, or before the first interval of a loop, there is only the estimate."""
    values = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6]

    few, enough = cell_interval(values[: least - 1], looks=looks), cell_interval(values[:least], looks=looks)
    assert (few.low, few.high, few.n) == (None, None, least - 1)
    assert enough.low == pytest.approx(1.0) or least == 6
    assert enough.low is not None and enough.high is not None and enough.low < enough.estimate < enough.high


@pytest.mark.parametrize("looks", [None, Looks()])
def test_constants_no_value_and_values_that_no_trial_can_have(looks: Looks | None) -> None:
    """Constant values give no width, no value gives no estimate, NaN and zero are refused."""
    found = cell_interval([0.1] * 8, looks=looks)

    assert (found.low, found.estimate, found.high) == (0.1, 0.1, 0.1)
    with pytest.raises(NotEnoughData):
        cell_interval([], looks=looks)
    for bad in (math.nan, math.inf, 0.0, -1.0):
        with pytest.raises(ValueError, match="finite values above zero"):
            cell_interval([1.0] * 7 + [bad], looks=looks)


def test_trials_after_the_last_look_are_left_out() -> None:
    """A loop of at most 24, given 30, returns the interval of the first 24."""
    values = np.exp(np.random.default_rng(1).normal(0, 0.03, 30)).tolist()

    assert cell_interval(values, looks=Looks()) == cell_interval(values[:24], looks=Looks())


@given(st.lists(positive, min_size=5, max_size=24), st.floats(min_value=1e-9, max_value=1e9))
def test_another_unit_or_order_or_a_rate_is_the_same_interval(values: list[float], unit: float) -> None:
    """Milliseconds multiply all three figures, a rate turns them over, order changes nothing."""
    base = figures(cell_interval(values, looks=None))

    assert base[0] <= base[1] * (1 + 1e-12) and base[1] <= base[2] * (1 + 1e-12)
    scaled = figures(cell_interval([v * unit for v in reversed(values)], looks=None))
    turned = figures(cell_interval([1 / v for v in values], looks=None))
    assert np.allclose(np.array(base) * unit, scaled, rtol=1e-6)
    assert np.allclose(1 / np.array(base[::-1]), turned, rtol=1e-6)


def figures(found: Interval) -> tuple[float, float, float]:
    """Return low, estimate and high of an interval that has limits."""
    assert found.low is not None and found.high is not None
    return found.low, found.estimate, found.high


def holds(found: Interval, truth: float) -> bool:
    """Return whether the truth lies inside, limits included."""
    low, _, high = figures(found)
    return low <= truth <= high


@pytest.mark.parametrize("count", [5, 6, 7, 9, 12])
@pytest.mark.parametrize(
    ("noise", "truth"),
    [(lambda g, s, t: g.normal(0, 0.05, (s, t)), 0.0), (skewed, MIDDLE)],
    ids=["normal", "two modes"],
)
def test_a_cells_interval_covers_its_level(
    noise: Callable[[np.random.Generator, int, int], Floats], truth: float, count: int
) -> None:
    """93 to 97 % at a nominal 95, on normal noise and on two modes, from five trials on."""
    draws = np.exp(noise(np.random.default_rng(20261123), 3000, count))
    inside = np.mean([holds(cell_interval(row.tolist(), looks=None), math.exp(truth)) for row in draws])

    assert 0.925 <= inside <= 0.97


def test_a_loop_that_stops_by_width_still_covers() -> None:
    """Two modes, stopped at 3 % or at 24 trials: the interval printed then holds the median in at least 93 %."""
    looks, inside = Looks(), []
    for row in np.exp(skewed(np.random.default_rng(9), 600, 24)).tolist():
        for n in range(7, 25):
            found = cell_interval(row[:n], looks=looks)
            low, _, high = figures(found)
            if math.sqrt(high / low) - 1 <= 0.03 or n == 24:
                inside.append(holds(found, math.exp(MIDDLE)))
                break

    assert np.mean(inside) >= 0.93


def test_looks_that_make_no_sense_are_refused() -> None:
    """A first look too early or after the last, and a level that is not between 0 and 1."""
    with pytest.raises(ValueError, match="first look at 4 pairs or more"):
        Looks(first=3)
    with pytest.raises(ValueError, match="no later than the last"):
        Looks(most=5)
    with pytest.raises(ValueError, match="level between 0 and 1"):
        Looks(level=1.0)
