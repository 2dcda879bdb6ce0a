"""Percentiles, and the number of values they need."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lab.stats.quantiles import needed, neighbours, over_trials
from lab.stats.sample import trial_median


@pytest.mark.parametrize(("q", "n"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662), (0.1, 64)])
def test_a_percentile_needs_that_many(q: float, n: int) -> None:
    """MLPerf LoadGen's counts; one value less is not estimable."""
    values = np.random.default_rng(1).lognormal(size=n).tolist()

    assert needed(q) == n
    assert neighbours(values, q) is not None
    assert neighbours(values[1:], q) is None


@pytest.mark.parametrize(("q", "n"), [(0.9, 64), (0.95, 200), (0.99, 662)])
def test_the_two_are_as_often_above_the_truth_as_below_it(q: float, n: int) -> None:
    """2000 trials of log-normal values, the upper taken by its share: within three standard errors of one half."""
    truth = math.exp(float(stats.norm.ppf(q)))
    found = [neighbours(row.tolist(), q) for row in np.random.default_rng(n).lognormal(size=(2000, n))]
    chance = [(1 - one[2]) * (one[0] < truth) + one[2] * (one[1] < truth) for one in found if one]

    assert np.mean(chance) == pytest.approx(0.5, abs=0.034)


@pytest.mark.parametrize("n", [11, 12, 25, 40])
def test_at_one_half_it_is_the_median_of_the_trial(n: int) -> None:
    """Odd and even: the p50 of the table is the figure of the trial."""
    values = np.random.default_rng(n).lognormal(size=n).tolist()
    found = over_trials([values], 0.5)

    assert found is not None and found.estimate == pytest.approx(trial_median(values))


def test_a_second_mode_that_begins_beyond_the_percentile_does_not_move_it() -> None:
    """One iteration in twelve takes half as long again, so p90 is of the quick ones: 24 trials of 64 values."""
    generator = np.random.default_rng(4)
    held = 0
    for _ in range(150):
        slow = np.where(generator.random((24, 64)) < 0.08, 1.5, 1)
        found = over_trials((np.exp(0.02 * generator.normal(size=(24, 64))) * slow).tolist(), 0.9)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= math.exp(0.02 * float(stats.norm.ppf(0.9 / 0.92))) <= found.high

    assert held >= 137  # .91


def test_what_is_printed_covers_on_spikes() -> None:
    """p95 of 130 values with 2 % spikes, over 24 trials; Harrell-Davis covers a third."""
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        spikes = np.where(generator.random((24, 130)) < 0.02, 1 + generator.exponential(1, (24, 130)), 1)
        found = over_trials((np.exp(generator.normal(0, 0.02, (24, 130))) * spikes).tolist(), 0.95)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 1.03792 <= found.high

    assert held >= 182  # .91


def test_constants_stay_and_nonsense_is_refused() -> None:
    """A quantised timer; NaN and infinity are refused; no value is not estimable."""
    assert neighbours([0.1] * 64, 0.9) == pytest.approx((0.1, 0.1, 0.234), abs=0.001)
    assert neighbours([], 0.5) is None
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            neighbours([1.0] * 63 + [bad], 0.9)
    with pytest.raises(ValueError, match="between 0 and 1"):
        neighbours([1.0], 1.0)


def test_intervals_over_trials_count_trials_not_iterations() -> None:
    """Five trials of 64 give n = 5; a short trial is left out; four trials have no interval."""
    trials = [[1.0 + 0.1 * trial + 0.001 * i for i in range(64)] for trial in range(5)]
    found = over_trials([*trials, [9.0] * 10], 0.9)
    few = over_trials(trials[:4], 0.9)

    assert found is not None and found.n == 5 and found.low is not None
    assert few is not None and few.low is None
    assert over_trials([[1.0] * 10], 0.9) is None
