"""The likelihood of noise, drift and steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lab.stats.drift import CORRELATED, WALKS, Series
from lab.stats.sample import Floats


def noise(seed: int, nights: int = 80) -> Floats:
    """Independent normal noise."""
    return np.random.default_rng(seed).normal(size=nights)


def correlated(seed: int, lag_one: float, nights: int) -> Floats:
    """Autoregressive noise of variance 1."""
    values = noise(seed, nights)
    for night in range(1, nights):
        values[night] = lag_one * values[night - 1] + np.sqrt(1 - lag_one**2) * values[night]
    return values


def dense(values: Floats, walk: float, steps: Sequence[int]) -> float:
    """Twice the negative log-likelihood of a walk under independent noise, from the covariance matrix."""
    count = len(values) - 1
    covariance = (2 + walk) * np.eye(count) - np.eye(count, k=1) - np.eye(count, k=-1)
    factor = np.linalg.cholesky(covariance)
    rest = np.linalg.solve(factor, np.diff(values))
    if steps:
        jumps = np.linalg.solve(factor, np.eye(count)[:, [step - 1 for step in steps]])
        rest = rest - jumps @ np.linalg.lstsq(jumps, rest, rcond=None)[0]
    return float(count * np.log(rest @ rest / count) + np.linalg.slogdet(covariance)[1])


@pytest.mark.parametrize("steps", [(), (30,), (30, 50)])
def test_the_cost_is_that_of_the_dense_likelihood(steps: tuple[int, ...]) -> None:
    """The sine transform gives what the covariance matrix gives, with any number of jumps."""
    values = noise(3)
    series = Series(values)
    for step in steps:
        series.add_step(step)

    assert series.fit().cost == pytest.approx(min(dense(values, walk, steps) for walk in WALKS), abs=1e-4)


def test_independent_noise_neither_drifts_nor_is_correlated() -> None:
    """No walk, and a long mean varies as that of independent nights."""
    fit = Series(noise(3)).fit()

    assert (fit.walk, fit.long_run) == (0.0, 1.0)


def test_a_random_walk_under_noise_drifts() -> None:
    """A walk of .3 standard deviations a night."""
    walk = np.cumsum(0.3 * noise(5, 200))

    assert 0.03 <= Series(noise(4, 200) + walk).fit().walk <= 0.3


def test_autoregressive_noise_does_not_drift_but_a_long_mean_varies_more() -> None:
    """With lag-1 correlation .6 a long mean has (1 + .6) / (1 - .6) = 4 times the variance."""
    fit = Series(correlated(6, 0.6, 400)).fit()

    assert fit.walk == 0 and fit.long_run == pytest.approx(4.0, rel=0.4)


def test_a_step_explains_what_looked_like_a_drift() -> None:
    """Without its jump the series seems to wander; with it, it is independent noise at a far lower cost."""
    values = noise(8)
    values[40:] += 4
    series = Series(values)
    before = series.fit()
    series.add_step(40)
    after = series.fit()

    assert before.walk > 0 and after.walk == 0
    assert before.cost - after.cost > 5 * CORRELATED


def test_a_series_without_noise_has_a_finite_cost() -> None:
    """Two constant levels, and their jump."""
    series = Series(np.repeat([0.0, 1.0], 20))
    series.add_step(20)

    assert np.isfinite(series.fit().cost)
