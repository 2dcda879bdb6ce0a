"""The most likely split of a series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.stats.split import LIMITS, limit, split, statistics


def test_two_clean_levels_reach_the_likelihood_ratio_of_algebra() -> None:
    """Ten zeros and ten ones: the quantiles .30 to .70 gain 40 log 2, .25 and .75 less, the outer ones nothing."""
    half = 2 * (20 * (-0.25 * math.log(0.25) - 0.75 * math.log(0.75)) - 10 * math.log(2))
    gains = {place: 40 * math.log(2) for place in range(6, 15)} | {5: half, 15: half}
    weights = {place: 1 / (place / 20 * (1 - place / 20)) for place in range(1, 20)}

    largest = statistics(np.repeat([0.0, 1.0], 10)).max()

    mean = sum(weights[place] * gain for place, gain in gains.items()) / sum(weights.values())
    assert largest == pytest.approx(mean)


def test_the_first_night_after_the_split_is_given() -> None:
    """Thirty nights at 1, ten at 2: the split is at night 30, beyond its limit."""
    found = split(np.repeat([1.0, 2.0], [30, 10]))

    assert found is not None and found.night == 30 and found.statistic > found.limit


def test_only_the_ranks_count() -> None:
    """A series and its exponential split alike."""
    values = np.random.default_rng(1).normal(size=40)

    assert split(values) == split(np.exp(values))


def test_a_bump_in_the_middle_splits_where_its_mirror_does() -> None:
    """Both edges are equally likely, so rounding could choose: up and down, the same one is chosen."""
    for width in range(9, 30):
        bump = np.repeat([1.0, 2.0, 1.0], [20, width, 20])
        up, down = split(bump), split(-bump)
        assert up is not None and down is not None and up.night == down.night


def test_either_side_keeps_four_nights() -> None:
    """One and two high nights at the end are no level of their own."""
    for high in (1, 2):
        found = split(np.repeat([1.0, 2.0], [40 - high, high]))
        assert found is not None and 4 <= found.night <= 36


def test_under_nine_nights_there_is_no_split() -> None:
    """Eight nights, and none."""
    assert split(np.repeat([1.0, 2.0], 4)) is None
    assert split(np.array([])) is None


def test_independent_noise_rarely_exceeds_its_limit() -> None:
    """Of 400 series, one is expected; more than six would happen by chance once in 10,000 times."""
    generator = np.random.default_rng(7)
    found = [split(generator.normal(size=40)) for _ in range(400)]

    assert sum(each is not None and each.statistic > each.limit for each in found) <= 6


def test_limits_between_the_tabulated_ones_lie_between() -> None:
    """At a tabulated length the table, beyond its ends the last value."""
    assert limit(90) == pytest.approx(LIMITS[90])
    assert LIMITS[90] < limit(100) < LIMITS[120]
    assert limit(2000) == pytest.approx(LIMITS[730])
