"""Percentiles, and the number of values they need."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lab.stats.quantiles import needed, over_trials, quantile


@pytest.mark.parametrize(("q", "n"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662), (0.1, 64)])
def test_a_percentile_needs_that_many(q: float, n: int) -> None:
    """MLPerf LoadGen's counts; one value less is not estimable."""
    values = np.random.default_rng(1).lognormal(size=n).tolist()

    assert needed(q) == n
    assert quantile(values, q) is not None
    assert quantile(values[1:], q) is None


@pytest.mark.parametrize(("q", "n"), [(0.5, 11), (0.5, 40), (0.9, 64), (0.95, 200), (0.99, 1000)])
def test_the_interval_is_scipys_order_statistic_one(q: float, n: int) -> None:
    """Scipy's `quantile_test`, value by value."""
    values = np.random.default_rng(n).lognormal(size=n)
    reference: Any = stats.quantile_test(values, p=q).confidence_interval(0.95)
    found = quantile(values.tolist(), q)

    assert found is not None and found.low is not None and found.high is not None
    assert (found.low, found.high) == (reference.low, reference.high)
    assert found.low <= found.estimate <= found.high


def test_every_interval_covers() -> None:
    """At least 93 % of 600 samples at the least n of each percentile."""
    generator = np.random.default_rng(3)
    for q in (0.5, 0.9, 0.95, 0.99):
        truth = math.exp(float(stats.norm.ppf(q)))
        found = [quantile(row.tolist(), q) for row in generator.lognormal(size=(600, needed(q)))]
        inside = [one.low <= truth <= one.high for one in found if one and one.low and one.high]
        assert len(inside) == 600 and np.mean(inside) >= 0.93


def test_constants_have_no_width_and_nothing_finite_is_assumed() -> None:
    """A quantised timer; NaN and infinity are refused; no value is not estimable."""
    found = quantile([0.1] * 64, 0.9)

    assert found is not None and found.low == found.high == found.estimate == 0.1
    assert quantile([], 0.5) is None
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            quantile([1.0] * 63 + [bad], 0.9)
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile([1.0], 1.0)


def test_intervals_over_trials_count_trials_not_iterations() -> None:
    """Five trials of 64 give n = 5; a short trial is left out; four trials have no interval."""
    trials = [[1.0 + 0.1 * trial + 0.001 * i for i in range(64)] for trial in range(5)]
    found = over_trials([*trials, [9.0] * 10], 0.9)
    few = over_trials(trials[:4], 0.9)

    assert found is not None and found.n == 5 and found.low is not None
    assert few is not None and few.low is None
    assert over_trials([[1.0] * 10], 0.9) is None
