"""Ratios paired by block, and the one verdict rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lab.errors import NotEnoughData
from lab.records import Interval
from lab.stats.compare import ratio, smallest_visible_change, verdict

MIRROR = {"regressed": "improved", "improved": "regressed", "same": "same", "cannot tell": "cannot tell"}


def test_the_ratio_has_the_interval_of_a_paired_t_test() -> None:
    """Scipy's paired t interval of the logs, whatever the order of blocks."""
    new, old = [1.05, 1.11, 1.02, 1.30, 1.08], [1.00, 1.04, 1.00, 1.21, 1.01]
    reference = stats.ttest_rel(np.log(new), np.log(old)).confidence_interval(0.95)

    found = ratio(dict(enumerate(new)), dict(reversed(list(enumerate(old)))))

    assert (found.low, found.high) == pytest.approx((math.exp(reference.low), math.exp(reference.high)))
    assert found.n == 5


def test_only_blocks_with_both_make_a_pair() -> None:
    """Four trials a side that share three blocks have no interval, and none shared have no ratio."""
    a = {1: 2.0, 2: 2.0, 3: 2.0, 4: 2.0}
    found = ratio(a, {2: 1.0, 3: 1.0, 4: 1.0, 5: 9.0})

    assert (found.estimate, found.low, found.n) == (2.0, None, 3)
    with pytest.raises(NotEnoughData, match="no block"):
        ratio(a, {7: 1.0})


@pytest.mark.parametrize(
    ("low", "estimate", "high", "expected"),
    [
        (1.01, 1.05, 1.09, "regressed"),
        (0.91, 0.95, 0.99, "improved"),
        (0.99, 1.05, 1.11, "cannot tell"),
        (1.01, 1.02, 1.03, "same"),
        (0.97, 1.00, 1.03, "same"),
        (0.94, 1.00, 1.03, "cannot tell"),
        (1.01, 1.02, 1.07, "cannot tell"),
        (1.035, 1.04, 1.045, "regressed"),
    ],
)
def test_the_rule_on_a_time(low: float, estimate: float, high: float, expected: str) -> None:
    """A change excludes 1 and is beyond 3 %; same lies inside 5 %; the rest cannot be told."""
    assert verdict(Interval(estimate, low, high, 0.95, 6), "lower") == expected


def test_a_rate_is_judged_the_other_way_up() -> None:
    """More tokens per second is better, less is a regression."""
    assert verdict(Interval(1.05, 1.01, 1.09, 0.95, 6), "higher") == "improved"
    assert verdict(Interval(0.95, 0.91, 0.99, 0.95, 6), "higher") == "regressed"


@pytest.mark.parametrize("dimension", ["parameter", "device"])
def test_only_builds_and_runtimes_regress(dimension: str) -> None:
    """Another parameter or device is slower or faster."""
    slow, fast = Interval(1.05, 1.01, 1.09, 0.95, 6), Interval(0.9, 0.85, 0.95, 0.95, 6)
    words = [
        verdict(found, "lower", dimension="parameter" if dimension == "parameter" else "device")
        for found in (slow, fast)
    ]

    assert words == ["slower", "faster"]
    assert verdict(slow, "lower", dimension="runtime") == "regressed"


def test_without_an_interval_or_a_common_context_there_is_no_verdict() -> None:
    """Under four pairs we cannot tell; of different contexts we do not try."""
    few = Interval(2.0, None, None, 0.95, 3)

    assert verdict(few, "lower") == "cannot tell"
    assert verdict(Interval(1.0, 0.99, 1.01, 0.95, 9), "lower", same_context=False) == "incomparable"
    assert smallest_visible_change(few) is None


def test_the_smallest_visible_change_is_the_half_width() -> None:
    """From 0.98 to 1.02 of the estimate: 2 %."""
    found = smallest_visible_change(Interval(1.5, 1.5 / 1.02, 1.5 * 1.02, 0.95, 6))

    assert found == pytest.approx(0.02)


ratios = st.lists(st.floats(min_value=0.5, max_value=2.0), min_size=4, max_size=9)


@given(ratios)
def test_swapping_the_sides_mirrors_the_verdict(values: list[float]) -> None:
    """Old against new says the opposite of new against old."""
    new, old = dict(enumerate(values)), dict.fromkeys(range(len(values)), 1.0)
    there, back = ratio(new, old), ratio(old, new)

    assert there.estimate * back.estimate == pytest.approx(1.0)
    assert MIRROR[verdict(there, "lower")] == verdict(back, "lower")
    assert verdict(there, "higher") == verdict(back, "lower")


@given(ratios, st.floats(min_value=1e-6, max_value=1e6))
def test_the_ratio_has_no_unit(values: list[float], unit: float) -> None:
    """Both sides in milliseconds is the same ratio."""
    old = {block: 0.3 + 0.1 * block for block in range(len(values))}
    new = {block: old[block] * value for block, value in enumerate(values)}
    scaled = ratio({b: v * unit for b, v in new.items()}, {b: v * unit for b, v in old.items()})

    assert scaled.estimate == pytest.approx(ratio(new, old).estimate)
