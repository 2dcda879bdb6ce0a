"""The samples of trials that count, and their medians."""

from __future__ import annotations

import math

import pytest

from lab.errors import NotEnoughData
from lab.stats.sample import trial_median, usable


def test_a_trial_is_represented_by_the_median_of_its_iterations() -> None:
    """One slow iteration does not move it."""
    assert trial_median([3.0, 100.0, 2.0]) == 3.0


def test_an_even_number_of_iterations_has_its_middle_on_logarithms() -> None:
    """Of 1, 2, 8 and 9 it is 4, the geometric mean of 2 and 8; so a time and its rate have one median."""
    times = [8.0, 1.0, 9.0, 2.0]

    assert trial_median(times) == pytest.approx(4.0)
    assert trial_median([1 / value for value in times]) == pytest.approx(1 / 4.0)
    assert trial_median([0.3, 0.3]) == 0.3


def test_a_trial_without_an_iteration_has_no_median() -> None:
    """It is refused, not NaN."""
    with pytest.raises(NotEnoughData):
        trial_median([])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_one_value_that_no_work_can_have_makes_samples_unusable(bad: float) -> None:
    """NaN, infinity, zero and less."""
    assert usable([1.0, 2.0])
    assert not usable([1.0, bad])
