"""The screen of tonight's value against the last nights."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.stats.tonight import tonight


def test_the_limit_is_the_prediction_interval_of_one_more_night() -> None:
    """Logs of -.1, .1, 0, .1, -.1 in units of a tenth: t(.975, 4) = 2.776 times sd .1 times the root of 6/5."""
    nights = [math.exp(log) for log in (-0.1, 0.1, 0.0, 0.1, -0.1)]

    found = tonight([math.exp(0.2)], nights)

    assert found is not None
    assert found.ratio == pytest.approx(math.exp(0.2))
    assert found.score == pytest.approx(0.2 / (2.7764 * 0.1 * math.sqrt(6 / 5)), rel=1e-4)


def test_the_median_of_the_trials_stands_for_tonight() -> None:
    """Three trials, one of them far off."""
    nights = [0.99, 1.01, 1.0, 0.99, 1.01]

    assert tonight([1.0, 1.0, 9.0], nights) == tonight([1.0], nights)


def test_either_direction_counts_alike() -> None:
    """A tenth slower and a tenth faster, among nights symmetric in logs."""
    nights = [math.exp(log) for log in (-0.1, 0.1, 0.0, 0.1, -0.1)]
    up, down = tonight([1.5], nights), tonight([1 / 1.5], nights)

    assert up is not None and down is not None
    assert up.score == pytest.approx(down.score) and up.ratio == pytest.approx(1 / down.ratio)


def test_only_the_last_thirty_nights_count() -> None:
    """Older nights on another level change nothing, and missing ones are skipped."""
    nights = list(np.random.default_rng(1).lognormal(0, 0.02, 30))

    assert tonight([1.1], [5.0] * 40 + nights) == tonight([1.1], nights)
    assert tonight([1.1], [*nights[:10], math.nan, *nights[10:]]) == tonight([1.1], nights)


@pytest.mark.parametrize("nights", [[], [1.0] * 4, [1.0] * 4 + [math.nan] * 9])
def test_under_five_nights_there_is_no_answer(nights: list[float]) -> None:
    """None, four, and four among missing ones."""
    assert tonight([1.0], nights) is None


def test_without_trials_there_is_no_answer() -> None:
    """A night whose trials were all rejected."""
    assert tonight([], [1.0] * 10) is None


def test_equal_nights_pass_on_any_other_value() -> None:
    """A timer of few values: the same value scores 0, another one a finite score above 1."""
    same, other = tonight([2.0], [2.0] * 10), tonight([2.1], [2.0] * 10)

    assert same is not None and same.score == pytest.approx(0, abs=1e-6)
    assert other is not None and 1 < other.score < math.inf


def test_nights_that_follow_each_other_widen_the_limit() -> None:
    """The same values sorted, so that neighbours agree, give a smaller score."""
    nights = list(np.random.default_rng(2).lognormal(0, 0.02, 30))
    mixed, slow = tonight([1.1], nights), tonight([1.1], sorted(nights))

    assert mixed is not None and slow is not None and slow.score < mixed.score


@pytest.mark.parametrize("lag_one", [0.0, 0.8])
def test_a_twentieth_of_unchanged_nights_passes_on(lag_one: float) -> None:
    """3 to 7 % of 2,000 nights on which nothing changed, independent or correlated."""
    generator = np.random.default_rng(3)
    values = generator.normal(size=2030)
    for night in range(1, len(values)):
        values[night] = lag_one * values[night - 1] + math.sqrt(1 - lag_one**2) * values[night]
    nights = np.exp(0.02 * values).tolist()

    found = [tonight([nights[place]], nights[place - 30 : place]) for place in range(30, len(nights))]

    assert 0.03 <= np.mean([each is not None and each.score >= 1 for each in found]) <= 0.07


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf])
def test_an_impossible_value_is_an_error(value: float) -> None:
    """Times and rates are finite and above zero."""
    with pytest.raises(ValueError, match="above zero"):
        tonight([1.0], [1.0] * 5 + [value])


def test_one_bad_night_does_not_hide_a_slower_build() -> None:
    """Measured on a virtual phone: tokens a second of seven nights, the first at half the usual rate."""
    nights = [2914.9, 5544.2, 5462.4, 5683.2, 5227.0, 5607.6, 5529.0]

    found = tonight([3824.8], nights)

    assert found is not None
    assert found.score > 1
