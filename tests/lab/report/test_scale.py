"""A chart's scale: where values lie, when it is logarithmic, and its round ticks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lab.report.scale import Scale


def test_a_linear_scale_has_a_margin_on_both_sides() -> None:
    """6 % of 10: from 9.4 to 20.6, with 15 in the middle; the ticks are multiples of 1, 2 or 5."""
    scale = Scale([20.0, 10.0], 100, 300)

    assert not scale.log
    assert scale(9.4) == 100.0
    assert scale(15.0) == 200.0
    assert scale(20.6) == 300.0
    assert scale.ticks(5) == [10.0, 15.0, 20.0]


@pytest.mark.parametrize(("highest", "logarithmic"), [(8.0, False), (8.1, True)])
def test_a_scale_is_logarithmic_beyond_a_ratio_of_eight(highest: float, logarithmic: bool) -> None:
    """Unless it is asked for a linear one, or one from zero."""
    assert Scale([1.0, highest], 0, 100).log == logarithmic
    assert not Scale([1.0, highest], 0, 100, linear=True).log
    assert not Scale([1.0, highest], 0, 100, from_zero=True).log


def test_a_factor_of_ten_is_as_long_anywhere_on_a_logarithmic_scale() -> None:
    """The geometric mean of the ends lies in the middle."""
    scale = Scale([1.0, 100.0], 0, 100)

    assert scale(10.0) == 50.0
    assert scale(100.0) - scale(10.0) == pytest.approx(scale(10.0) - scale(1.0))


@pytest.mark.parametrize(
    ("highest", "room", "ticks"),
    [
        (1e2, 7, [1, 2, 5, 10, 20, 50, 100]),
        (1e2, 6, [1, 10, 100]),
        (1e8, 4, [1e1, 1e3, 1e5, 1e7]),
    ],
)
def test_logarithmic_ticks_are_thinned_until_there_is_room(
    highest: float, room: int, ticks: Sequence[float]
) -> None:
    """1, 2 and 5 of each decade, then only 1, then every other decade."""
    assert Scale([1.0, highest], 0, 100).ticks(room) == pytest.approx(ticks)


def test_a_scale_from_zero_begins_there() -> None:
    """It ends 5 % above the highest value."""
    scale = Scale([5.0, 10.0], 0, 210, from_zero=True)

    assert (scale(0.0), scale(10.0), scale(10.5)) == (0.0, 200.0, 210.0)


@pytest.mark.parametrize(("value", "at"), [(4.0, 50.0), (0.0, 0.0)])
def test_equal_values_have_a_scale(value: float, at: float) -> None:
    """A tenth of the value lies on both sides of it; zero is the lower end."""
    assert Scale([value, value], 0, 100, linear=True)(value) == at
