"""One change over several devices."""

from __future__ import annotations

import math

import pytest
from scipy.stats import t

from lab.records import Interval
from lab.stats.across import random_effects


def estimate_of(log_ratio: float, error: float, n: int = 10) -> Interval:
    """Return a ratio with Student's t interval of 95 % for this standard error."""
    reach = error * float(t.ppf(0.975, n - 1))
    return Interval(math.exp(log_ratio), math.exp(log_ratio - reach), math.exp(log_ratio + reach), 0.95, n)


BCG = (
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
)
"""Thirteen trials of the BCG vaccine (Colditz et al., JAMA 271, 1994): ill and well, vaccinated and not."""


def test_a_known_meta_analysis_comes_out() -> None:
    """The figures of statsmodels 0.15's `combine_effects(method_re="pm", use_t=True)`."""
    ratios = [
        estimate_of(math.log(a / (a + b) / (c / (c + d))), math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)))
        for a, b, c, d in BCG
    ]

    found = random_effects(ratios)

    assert found is not None
    change, tau = found
    assert tau**2 == pytest.approx(0.31806845, abs=1e-7)
    assert math.log(change.estimate) == pytest.approx(-0.714968, abs=1e-6)
    assert (math.log(change.low or 0), math.log(change.high or 0)) == pytest.approx(
        (-1.109098, -0.320838), abs=1e-6
    )
    assert change.n == 13


def test_two_devices_with_equal_errors_follow_from_algebra() -> None:
    """At logs 0 and d the variance between is d^2/2 - v, and the standard error d/2."""
    found = random_effects([estimate_of(0.0, 0.01), estimate_of(0.2, 0.01)])

    assert found is not None
    change, tau = found
    assert tau == pytest.approx(math.sqrt(0.02 - 0.0001))
    assert math.log(change.estimate) == pytest.approx(0.1)
    assert math.log(change.high or 0) == pytest.approx(0.1 + 12.7062047 * 0.1)


def test_devices_that_agree_do_not_narrow_the_interval_below_their_own_errors() -> None:
    """Two equal ratios: no variance between, and the scale factor is 1, not 0."""
    found = random_effects([estimate_of(0.1, 0.01)] * 2)

    assert found is not None
    assert found[1] == 0
    assert math.log(found[0].high or 0) == pytest.approx(0.1 + 12.7062047 * 0.01 / math.sqrt(2))


def test_constant_samples_have_a_mean() -> None:
    """A clock too coarse to show any spread divides by no zero."""
    found = random_effects([Interval(1.1, 1.1, 1.1, 0.95, 6)] * 3)

    assert found is not None
    assert found[0].estimate == pytest.approx(1.1)


def test_one_device_with_an_interval_is_no_several() -> None:
    """A device with too few pairs does not count."""
    assert random_effects([estimate_of(0.1, 0.01), Interval(1.1, None, None, 0.95, 2)]) is None
