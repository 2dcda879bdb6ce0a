"""A chart of very many points keeps those that show."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from dashboards.charts.thinned import thinned


def test_few_points_stay_as_they_are() -> None:
    """Nothing is thinned that a chart can take."""
    assert thinned([0, 1, 2], [5, 5, 5], 8) == [0, 1, 2]


def test_a_column_keeps_its_first_lowest_highest_and_last_point() -> None:
    """Sixteen points in two columns of pixels, with a dip in the first and a peak in the second."""
    values = [5, 5, 1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 9, 5, 5, 5]

    assert thinned(range(16), values, 8) == [0, 2, 7, 8, 12, 15]


def test_a_column_of_gaps_stays_a_gap() -> None:
    """A stretch without a figure is not closed."""
    values = [1.0] * 8 + [math.nan] * 8

    assert thinned(range(16), values, 8) == [0, 7, 8, 15]


@given(st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=400), st.integers(8, 60))
def test_no_outlier_is_lost_and_no_more_points_remain(values: list[float], most: int) -> None:
    """The lowest and the highest value of all remain, in order, within the limit."""
    kept = thinned(range(len(values)), values, most)

    assert len(kept) <= max(most, 8) and kept == sorted(set(kept))
    assert {min(values), max(values)} <= {values[at] for at in kept}
