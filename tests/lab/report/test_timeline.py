"""The layout of a timeline: strips above each other over one axis of time."""

from __future__ import annotations

from lab.records import Sustained, Window
from lab.report.timeline import Mark, laid_out, of_curve


def test_strips_share_one_axis_of_time() -> None:
    """Later lies further right, higher further up; no strip overlaps another, and only a joined one has a path."""
    marks = [Mark(0.0, 1.0, "", "first"), Mark(60.0, 2.0, "", "second")]

    drawn = laid_out([("rate", marks, True), ("heat", marks, False)])

    rate, heat = drawn.strips
    (first, second), (below, _) = rate.dots, heat.dots
    assert first.x < second.x
    assert first.y > second.y
    assert first.x == below.x
    assert rate.top < rate.bottom < heat.top < heat.bottom < drawn.height
    assert (rate.path, heat.path) == (f"M{first.x} {first.y} L{second.x} {second.y}", "")


def test_a_mark_without_a_value_lies_on_the_lower_edge() -> None:
    """It has no place on the scale, and does not change it."""
    drawn = laid_out([("rate", [Mark(0.0, None, "invalid", "lost"), Mark(9.0, 5.0, "", "fine")], False)])

    (strip,) = drawn.strips
    assert strip.dots[0].y == strip.bottom
    assert strip.dots[1].y == (strip.top + strip.bottom) / 2


def test_three_minutes_are_counted_in_minutes() -> None:
    """A shorter time is counted in seconds."""
    short, long = (laid_out([("rate", [Mark(s, 1.0, "", "")], False)]) for s in (179.0, 180.0))

    assert short.title == "seconds since the first"
    assert long.title == "minutes since the first"
    assert [text for _, text in long.ticks] == ["0", "0.5", "1", "1.5", "2", "2.5", "3"]


def curve(*celsius: float | None) -> Sustained:
    """Return a curve with a window of a minute for each temperature."""
    windows = tuple(Window(60.0 * i, 24.0 - i, 30, warm) for i, warm in enumerate(celsius))
    return Sustained(1, "c", "tokens/s", 60.0, windows, None, None, None, None, None, "too short")


def test_a_curve_has_a_strip_of_temperature_only_where_one_was_read() -> None:
    """The second of three windows has no reading: it has no dot, not one at zero."""
    blind, warm = of_curve(curve(None, None, None)), of_curve(curve(31.0, None, 36.0))

    assert [strip.title for strip in blind.strips] == ["rate, tokens/s"]
    assert [(strip.title, len(strip.dots)) for strip in warm.strips] == [("rate, tokens/s", 3), ("skin, °C", 2)]
    assert [dot.title for dot in warm.strips[1].dots] == ["31.0 °C", "36.0 °C"]
    assert warm.strips[0].dots[0].title == "24.0 tokens/s, 30 iterations"
    assert warm.strips[1].dots[1].x == warm.strips[0].dots[2].x
