"""The interval that stays valid when it is looked at after every pair."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from lab.errors import NotEnoughData
from lab.stats.interval import Looks
from lab.stats.sequential import P_VALUES, centre_of, nominal_tails, p_value, reaches, sequential

LOOKS = Looks()
pairs = st.lists(st.floats(min_value=0.8, max_value=1.25), min_size=6, max_size=24)


def test_with_one_look_and_a_symmetric_share_it_is_students_interval() -> None:
    """Everything spent at one look of eight pairs: t(7) at .975 is 2.3646 (any table)."""
    towards, away = reaches(Looks(most=8, first=8, towards_one=0.5), 8, 7)

    assert towards == away == pytest.approx(2.3646, abs=2e-3)


def test_the_error_is_spent_as_the_power_family_says() -> None:
    """Spent by look k of n: .025 (k / 9) ** 1.5; the reference is 400,000 simulated paths of unit normals."""
    sums = np.cumsum(np.random.default_rng(1).normal(size=(400_000, 9)), axis=1)
    inside = np.ones(len(sums), dtype=bool)
    spent = 0.0
    for look, tail in zip(range(4, 10), nominal_tails(9, 4, 0.025, 1.5), strict=True):
        crossed = inside & (sums[:, look - 1] / math.sqrt(look) > -ndtri(tail))
        spent += float(crossed.mean())
        inside &= ~crossed
        assert spent == pytest.approx(0.025 * (look / 9) ** 1.5, abs=8e-4)


def test_no_more_than_the_error_is_spent_however_often_one_looks() -> None:
    """20,000 null comparisons of 24 normal pairs: all looks together hold 1 in 99 %, and 1.06 in 95 %."""
    logs = np.random.default_rng(5).normal(0, 0.0424, (20_000, 24))
    missed_one, missed_six = np.zeros(len(logs), dtype=bool), np.zeros(len(logs), dtype=bool)
    for n in range(LOOKS.first, LOOKS.most + 1):
        towards, away = reaches(LOOKS, n, n - 1)
        error = logs[:, :n].std(axis=1, ddof=1) / math.sqrt(n)
        centre = logs[:, :n].mean(axis=1)
        missed_one |= np.abs(centre) > towards * error
        missed_six |= (centre > towards * error) | (-centre > away * error)

    assert missed_one.mean() <= 0.0105
    assert missed_six.mean() <= 0.05


def test_the_bound_that_faces_one_is_the_further_one() -> None:
    """Ratios above 1: it takes more to exclude 1 than to exclude a greater change."""
    values = [1.05, 1.06, 1.04, 1.07, 1.05, 1.06, 1.05, 1.04]
    found = sequential(values, LOOKS, None)

    assert found.low is not None and found.high is not None
    assert found.estimate / found.low > found.high / found.estimate > 1


def test_between_its_two_limits_the_interval_ends_exactly_at_one() -> None:
    """The evidence excludes values below 1 but not 1 itself."""
    spread = np.array([0.9, 1.1, 0.95, 1.05, 0.97, 1.03, 1.0, 1.0])
    towards, away = reaches(LOOKS, 8, 7)
    error = np.log(spread).std(ddof=1) / math.sqrt(8)
    centre = (towards + away) / 2 * error
    found = sequential((spread / np.exp(np.log(spread).mean()) * math.exp(centre)).tolist(), LOOKS, None)

    assert found.low == 1.0


@given(pairs)
def test_swapping_the_sides_mirrors_the_interval(values: list[float]) -> None:
    """1 / low is the other's high."""
    there, back = sequential(values, LOOKS, None), sequential([1 / value for value in values], LOOKS, None)

    assert there.low is not None and there.high is not None and back.low is not None and back.high is not None
    assert there.low * back.high == pytest.approx(1.0)
    assert there.high * back.low == pytest.approx(1.0)


@given(pairs)
def test_the_estimate_lies_in_its_interval_and_is_the_same_every_time(values: list[float]) -> None:
    """Nothing is random: the same pairs, in any order, have the same interval."""
    found, again = sequential(values, LOOKS, None), sequential(values[::-1], LOOKS, None)

    assert found.low is not None and found.high is not None
    assert found.low <= found.estimate * (1 + 1e-12) and found.estimate <= found.high * (1 + 1e-12)
    assert again.low == pytest.approx(found.low)
    assert again.high == pytest.approx(found.high)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_before_the_first_look_there_is_an_estimate_only(count: int) -> None:
    """From one pair to five."""
    found = sequential([1.1] * count, LOOKS, None)

    assert (found.low, found.high, found.n) == (None, None, count)
    assert found.estimate == pytest.approx(1.1)
    assert p_value([1.1] * count, LOOKS, None) == 1.0


def test_constant_ratios_have_an_interval_of_no_width() -> None:
    """A quantised timer: no width, no NaN."""
    found = sequential([1.02] * 8, LOOKS, None)

    assert found.low == found.high == found.estimate == pytest.approx(1.02)
    assert p_value([1.0] * 8, LOOKS, None) == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_ratio_that_is_not_finite_and_above_zero_is_refused(bad: float) -> None:
    """NaN, infinity, zero and negative: such a pair was never valid."""
    with pytest.raises(ValueError, match="finite and above zero"):
        sequential([1.0] * 7 + [bad], LOOKS, None)


def test_more_pairs_than_looks_are_refused() -> None:
    """A twenty-fifth pair, and no pair at all."""
    with pytest.raises(ValueError, match="24 pairs at most"):
        sequential([1.0] * 25, LOOKS, None)
    with pytest.raises(NotEnoughData, match="no pair"):
        sequential([], LOOKS, None)


def test_the_centre_without_the_order_is_that_of_a_regression() -> None:
    """Numpy's least squares on a mean and the order: estimate, standard error and n - 2 degrees of freedom."""
    logs = np.array([0.02, 0.09, 0.01, 0.07, 0.11, 0.00, 0.05])
    firsts = [True, False, True, False, False, True, False]
    design = np.column_stack([np.ones(7), np.where(firsts, 1.0, -1.0)])
    solution, rest, _, _ = np.linalg.lstsq(design, logs, rcond=None)
    variance = float(rest[0]) / 5
    error = math.sqrt(variance * float(np.linalg.inv(design.T @ design)[0, 0]))

    found = centre_of(logs, firsts)

    assert found is not None
    assert (found.log, found.error, found.freedom) == pytest.approx((float(solution[0]), error, 5))
    assert found.spread == pytest.approx(math.sqrt(variance))
    assert centre_of(logs, [True] * 7) is None
    with pytest.raises(ValueError, match="an order for each of 7 pairs, found 2"):
        centre_of(logs, [True, False])


def test_the_p_value_excludes_one_where_the_interval_does() -> None:
    """If the two bounds facing 1 have error p, the interval excludes 1; at a hundredth of p it does not."""
    values = [1.05, 1.09, 1.02, 1.07, 1.01, 1.08, 1.05, 1.04]
    p = p_value(values, LOOKS, None)
    assert p in P_VALUES

    here = sequential(values, Looks(level=1 - p / 2 / LOOKS.towards_one), None)
    stricter = sequential(values, Looks(level=1 - p / 200 / LOOKS.towards_one), None)
    assert here.low is not None and here.low > 1.0
    assert stricter.low is not None and stricter.low <= 1.0


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_the_p_value_has_no_direction(values: list[float]) -> None:
    """A ratio and its inverse are equally surprising."""
    assert p_value(values, LOOKS, None) == p_value([1 / value for value in values], LOOKS, None)


def test_p_values_of_unchanged_builds_are_not_small_too_often() -> None:
    """At six of the looks, the least p is below .05 in about 5 % of 1,000 comparisons."""
    logs = np.random.default_rng(2).normal(0, 0.0424, (1000, 24))
    least = [min(p_value(np.exp(row[:n]).tolist(), LOOKS, None) for n in (6, 9, 12, 16, 20, 24)) for row in logs]

    assert np.mean(np.array(least) <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)
