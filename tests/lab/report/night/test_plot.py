"""The layout of a night's pictures."""

from __future__ import annotations

import math
from dataclasses import replace

from lab.records import Interval, Member, Point
from lab.report.night.plot import bars_of, history_plot, pairs_plot
from tests.lab.report.night.night_reports import DECODE, ENCODE, found, slower

STEP = slower("x100-02", 512, (21.4, 0.925), 12)


def test_the_step_lies_between_the_last_old_night_and_the_first_new_one() -> None:
    """45 nights, the last on the new level; the higher rate is drawn higher."""
    plot = history_plot(STEP)

    assert plot is not None and plot.step is not None
    assert plot.dots[43].x < plot.step < plot.dots[44].x
    assert [each.style for each in plot.dots] == ["old"] * 44 + ["new"]
    assert plot.dots[44].y > max(each.y for each in plot.dots[:44])
    assert [kind for *_, kind in plot.rules if kind != "grid"] == ["usual", "level"]


def test_a_trend_has_no_step() -> None:
    """No night did it."""
    plot = history_plot(found("p", ENCODE, "c=1", "trend", (0.6, 1.06)))

    assert plot is not None and plot.step is None
    assert [kind for *_, kind in plot.rules if kind != "grid"] == ["usual"]


def test_equal_builds_lie_in_the_middle_and_odd_ratios_inside_the_picture() -> None:
    """A pair of 1, one that is 1000 times as slow, and two that are no ratios."""
    plot = pairs_plot(replace(STEP, ratios=(1.0, 1000.0, 0.0, math.inf)))

    assert plot is not None
    assert [each.x for each in plot.dots] == [plot.width / 2, plot.width - 10]
    assert pairs_plot(replace(STEP, ratios=())) is None


def test_worse_is_right_whatever_the_metric() -> None:
    """A rate that fell and a time that rose by the same factor are as bad; the largest comes first."""
    rate = Member(STEP.series, DECODE, Interval(1 / 1.1, 1 / 1.2, 1.0, 0.95, 8), 20.0, "")
    time = Member(STEP.series, ENCODE, Interval(1.1, 1.0, 1.2, 0.95, 8), 0.4, "")
    faster = Member(STEP.series, ENCODE, Interval(0.9, None, None, 0.95, 2), 0.4, "")
    one, other, last = bars_of([faster, rate, time])

    assert (one.low, one.estimate, one.high) == (other.low, other.estimate, other.high)
    assert one.low == 50.0 < one.estimate < one.high
    assert last.estimate == last.low < 50


def test_a_history_of_one_night_or_of_no_numbers_is_not_drawn() -> None:
    """A line needs two points."""
    assert history_plot(replace(STEP, history=STEP.history[:1])) is None
    assert history_plot(replace(STEP, history=(Point("d", math.nan, "b"), *STEP.history[:1]))) is None
