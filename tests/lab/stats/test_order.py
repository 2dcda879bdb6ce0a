"""Order-statistic intervals, against binomial tables, walks counted by hand and simulated cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import strategies as st

from lab.stats.order import bounds, depths

positive = st.floats(min_value=1e-6, max_value=1e6)


def test_the_bounds_of_few_values_are_the_least_and_the_greatest() -> None:
    """They hold the median unless all values fall on one side: 1 - 2 / 2^n."""
    values = np.array([3.0, 1.0, 5.0, 2.0, 4.0])

    assert (bounds(values, 0.95).low, bounds(values, 0.95).high, bounds(values, 0.95).level) == (1, 5, 0.9375)
    assert bounds(values[:4], 0.95).level == 0.875
    with pytest.raises(ValueError, match="no value"):
        bounds(np.array([]), 0.95)


def test_between_two_pairs_it_is_interpolated_as_published() -> None:
    """Hettmansperger and Sheather for n = 10: 1002 / 1024 at depth 2, 912 / 1024 at 3, .6577 of the way for 95 %.

    By hand: I = (.97852 - .95) / (.97852 - .89062) = .32444; (n - d) I / (d + (n - 2 d) I) = 2.59556 / 3.94667.
    """
    found = bounds(np.arange(1.0, 11.0), 0.95)

    assert found.low == pytest.approx(2.65766, abs=1e-4)
    assert found.high == pytest.approx(8.34234, abs=1e-4)


def test_tied_values_are_not_interpolated() -> None:
    """A coarse clock: a limit between two ticks would miss the tick that is the median."""
    found = bounds(np.array([1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 5.0]), 0.95)

    assert (found.low, found.high, found.level) == (2.0, 4.0, 0.95)


@pytest.mark.parametrize("most", [6, 10, 12])
def test_the_depths_leave_all_but_five_in_a_hundred_paths_inside(most: int) -> None:
    """Every one of the 2^most sequences of "under" and "over", counted one by one."""
    found, outside = depths(6, most, 0.95), 0
    for path in itertools.product((0, 1), repeat=most):
        under = np.cumsum(path)
        outside += any(
            min(under[n - 1], n - under[n - 1]) < depth for n, depth in enumerate(found, start=6) if depth
        )

    assert 0 < outside <= 0.05 * 2**most


def test_the_depths_of_a_loop_of_24() -> None:
    """First bounds at seven trials (2 / 2^7 is less than the error allowed by then), sixth depth at 22."""
    found = depths(6, 24, 0.95)

    assert [6 + found.index(depth) for depth in range(1, 7)] == [7, 10, 14, 17, 20, 22]
