"""A comparison in a terminal."""

from __future__ import annotations

from lab.records import Interval
from lab.report.verdict.terminal import picture


def test_the_picture_of_pairs() -> None:
    """Sixty-one columns, no change in the middle, a digit where pairs share a column."""
    dots, scale = picture([1.06, 1.0, 1.0, 1 / 1.06], None)

    assert (dots[0], dots[30], dots[60], len(dots)) == ("•", "2", "•", 61)
    assert scale.startswith("-5.7 %") and scale.endswith("+6.0 %")


def test_no_dot_hides_an_end_of_the_interval() -> None:
    """The interval has a line of its own, also where it is narrower than a column."""
    change = Interval(0.95, 0.9, 1.01, 0.95, 5)
    dots, interval, scale = picture([0.9, 0.9, 0.95, 1.01, 1.1], change)
    narrow = picture([0.95, 0.9], Interval(0.95, 0.95, 0.95, 0.95, 2))[1]

    assert interval.index("[") == dots.index("2") and interval.index("]") == dots.rindex("•", 0, 50)
    assert len(interval) <= 61 and scale.endswith("+11 %")
    assert narrow.count("I") == 1 and narrow[30] == "|"
