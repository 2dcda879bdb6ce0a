"""Order-statistic intervals, against binomial tables, walks counted by hand and simulated cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import NotEnoughData
from lab.records import Interval
from lab.stats.best import centres, contenders
from lab.stats.interval import Looks, cell_interval
from lab.stats.order import Floats, bounds, depths

positive = st.floats(min_value=1e-6, max_value=1e6)


def skewed(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """One trial in four lands in a mode 20 % slower; the median lies in the quick one, at its 2/3 quantile."""
    slow = generator.random((sessions, trials)) < 0.25
    return np.asarray(0.2 * slow + generator.normal(0, 0.01, (sessions, trials)))


MIDDLE = 0.01 * 0.4307272992954576
"""Median of :func:`skewed`: the standard normal's 2/3 quantile, in its narrow spread."""


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
    """First bounds at seven trials (2 / 2^7 is below what may be spent by then), sixth depth at 22."""
    found = depths(6, 24, 0.95)

    assert [6 + found.index(depth) for depth in range(1, 7)] == [7, 10, 14, 17, 20, 22]


def test_a_cell_is_told_by_the_median_of_its_trials() -> None:
    """Odd: the middle; even: the geometric mean of the two middle ones; one slow trial moves neither."""
    assert cell_interval([3.0, 1.0, 90.0], looks=None).estimate == pytest.approx(3.0)
    assert cell_interval([1.0, 2.0, 8.0, 90.0], looks=None).estimate == pytest.approx(4.0)


@pytest.mark.parametrize(("looks", "least"), [(None, 5), (Looks(), 7), (Looks(15, 4), 6)])
def test_there_is_no_interval_where_none_can_hold(looks: Looks | None, least: int) -> None:
    """Under five trials looked at once, and before a loop can pay for a first one, the estimate stands alone."""
    values = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6]

    few, enough = cell_interval(values[: least - 1], looks=looks), cell_interval(values[:least], looks=looks)
    assert (few.low, few.high, few.n) == (None, None, least - 1)
    assert enough.low == pytest.approx(1.0) or least == 6
    assert enough.low is not None and enough.high is not None and enough.low < enough.estimate < enough.high


@pytest.mark.parametrize("looks", [None, Looks()])
def test_constants_nothing_and_what_is_no_time(looks: Looks | None) -> None:
    """Constant: no width. Nothing: no estimate. NaN, zero: refused."""
    found = cell_interval([0.1] * 8, looks=looks)

    assert (found.low, found.estimate, found.high) == (0.1, 0.1, 0.1)
    with pytest.raises(NotEnoughData):
        cell_interval([], looks=looks)
    for bad in (math.nan, math.inf, 0.0, -1.0):
        with pytest.raises(ValueError, match="finite values above zero"):
            cell_interval([1.0] * 7 + [bad], looks=looks)


def test_trials_that_were_not_paid_for_are_left_out() -> None:
    """A loop of 24 at most, given 30: what it said after 24."""
    values = np.exp(np.random.default_rng(1).normal(0, 0.03, 30)).tolist()

    assert cell_interval(values, looks=Looks()) == cell_interval(values[:24], looks=Looks())


@given(st.lists(positive, min_size=5, max_size=24), st.floats(min_value=1e-9, max_value=1e9))
def test_another_unit_or_order_or_a_rate_is_the_same_interval(values: list[float], unit: float) -> None:
    """Milliseconds multiply all three figures, a rate turns them over, order changes nothing."""
    base = figures(cell_interval(values, looks=None))

    assert base[0] <= base[1] * (1 + 1e-12) and base[1] <= base[2] * (1 + 1e-12)
    scaled = figures(cell_interval([v * unit for v in reversed(values)], looks=None))
    turned = figures(cell_interval([1 / v for v in values], looks=None))
    assert np.allclose(np.array(base) * unit, scaled, rtol=1e-6)
    assert np.allclose(1 / np.array(base[::-1]), turned, rtol=1e-6)


def figures(found: Interval) -> tuple[float, float, float]:
    """Low, estimate, high of an interval that is there."""
    assert found.low is not None and found.high is not None
    return found.low, found.estimate, found.high


def holds(found: Interval, truth: float) -> bool:
    """Whether the truth lies inside, limits included."""
    low, _, high = figures(found)
    return low <= truth <= high


@pytest.mark.parametrize("count", [5, 6, 7, 9, 12])
@pytest.mark.parametrize(
    ("noise", "truth"),
    [(lambda g, s, t: g.normal(0, 0.05, (s, t)), 0.0), (skewed, MIDDLE)],
    ids=["normal", "two modes"],
)
def test_a_cells_interval_covers_what_it_says(
    noise: Callable[[np.random.Generator, int, int], Floats], truth: float, count: int
) -> None:
    """93 to 97 % at a nominal 95, on normal noise and on two modes, from five trials on."""
    draws = np.exp(noise(np.random.default_rng(20261123), 3000, count))
    inside = np.mean([holds(cell_interval(row.tolist(), looks=None), math.exp(truth)) for row in draws])

    assert 0.925 <= inside <= 0.97


def test_a_loop_that_stops_by_width_still_covers() -> None:
    """Two modes, stopped at 3 % or at 24 trials: the interval printed then holds the median in 93 % and more."""
    looks, inside = Looks(), []
    for row in np.exp(skewed(np.random.default_rng(9), 600, 24)).tolist():
        for n in range(7, 25):
            found = cell_interval(row[:n], looks=looks)
            low, _, high = figures(found)
            if math.sqrt(high / low) - 1 <= 0.03 or n == 24:
                inside.append(holds(found, math.exp(MIDDLE)))
                break

    assert np.mean(inside) >= 0.93


def test_the_best_cell_is_the_one_with_the_best_printed_figure() -> None:
    """A slow second mode in the quick cell: its mean is worse, its median better; neither is thrown out by it."""
    quick = dict(enumerate([1.0, 1.001, 1.002, 1.5, 0.999, 1.0, 1.5, 1.001, 1.5]))
    steady = dict(enumerate([1.05, 1.051, 1.049, 1.05, 1.05, 1.052, 1.048, 1.05, 1.05]))

    found = contenders({"steady": steady, "quick": quick}, "lower")

    assert np.mean(list(quick.values())) > 1.1
    assert found.best == "quick" and "quick" in found.may_be_best


@given(st.integers(0, 500))
def test_best_and_printed_never_contradict_each_other_in_complete_runs(seed: int) -> None:
    """Blocks that drift by 10 %, four cells, none missing."""
    generator = np.random.default_rng(seed)
    logs = generator.normal(0, 0.03, (4, 6)) + np.linspace(0, 0.1, 6)
    cells = {name: dict(enumerate(np.exp(row).tolist())) for name, row in zip("abcd", logs, strict=True)}
    printed = {name: cell_interval(list(cell.values()), looks=None).estimate for name, cell in cells.items()}

    assert contenders(cells, "lower").best == min(printed, key=lambda name: printed[name])
    assert contenders(cells, "higher").best == max(printed, key=lambda name: printed[name])
    assert {n: math.exp(c) for n, c in centres(cells).items()} == pytest.approx(printed)


def test_a_cell_that_lacks_a_slow_block_does_not_look_fast_for_it() -> None:
    """Blocks drift by 50 %; b is 2 % slower in each, and its last two trials are missing."""
    a = dict(enumerate([1.0, 1.1, 1.2, 1.3, 1.4, 1.5]))
    b = {block: 1.02 * value for block, value in a.items() if block < 4}

    assert np.median(list(b.values())) < np.median(list(a.values()))
    assert contenders({"a": a, "b": b}, "lower").best == "a"
