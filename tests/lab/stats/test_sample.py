"""The samples of trials that count, and their medians."""

from __future__ import annotations

import math

import pytest

from lab.errors import NotEnoughData
from lab.stats.sample import trial_median, usable


def test_a_trial_is_represented_by_the_median_of_its_iterations() -> None:
    """One slow iteration does not move it; of an even number it is the middle of two on logarithms."""
    assert trial_median([3.0, 100.0, 2.0]) == 3.0
    assert trial_median([2.0, 8.0]) == pytest.approx(4.0)
    assert 1 / trial_median([1 / 2.0, 1 / 8.0]) == pytest.approx(4.0)
    assert trial_median([0.3, 0.1, 0.3, 9.0]) == 0.3


def test_a_trial_without_an_iteration_has_no_median() -> None:
    """It is refused, not NaN."""
    with pytest.raises(NotEnoughData):
        trial_median([])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_one_value_that_no_work_can_have_makes_samples_unusable(bad: float) -> None:
    """NaN, infinity, zero and less."""
    assert usable([1.0, 2.0])
    assert not usable([1.0, bad])
