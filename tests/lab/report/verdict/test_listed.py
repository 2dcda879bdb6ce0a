"""Comparisons in a list say their worst verdict and who asked."""

from __future__ import annotations

from dataclasses import replace

from lab.records import CellVerdict, Interval
from lab.report.verdict.listed import change_of, listed, unjudged, worst_of
from tests.saved_runs import comparison_of


def test_the_worst_verdict_stands_for_a_comparison() -> None:
    """Of a regression and a cell that cannot be told, the regression."""
    worst = worst_of(comparison_of(1))

    assert worst is not None and worst.verdict == "regressed"
    assert worst_of(replace(comparison_of(1), cells=())) is None


def test_of_several_cells_with_the_worst_verdict_the_one_that_changed_most_stands() -> None:
    """Whatever its direction, and whichever comes first."""
    cell = comparison_of(1).cells[0]
    cells = [
        replace(cell, cell=name, change=Interval(ratio, None, None, 0.95, 8))
        for name, ratio in (("a", 1.05), ("b", 0.5), ("c", 1.3))
    ]
    worst = worst_of(replace(comparison_of(1), cells=(*cells, replace(cell, cell="d", change=None))))

    assert worst is not None and worst.cell == "b"


def test_a_comparison_says_who_asked_for_it() -> None:
    """A night, a self-check, or a person."""
    first, second, third = comparison_of(1), replace(comparison_of(2), night="n1"), comparison_of(3)

    assert [each.asked_by for each in listed([first, second, third], {third.id})] == [
        "person",
        "night",
        "self-check",
    ]


def test_runs_that_were_not_measured_in_turn_have_no_verdict() -> None:
    """Nor has a comparison without a valid pair; one whose sides differ in too much is incomparable."""
    fair = replace(comparison_of(1), differs={})
    apart = replace(fair, looks_most=0)
    nothing = replace(fair, cells=(CellVerdict("a", "cannot tell", None, None, 1.0, 0, "no pair yet"),))

    assert [unjudged(each) for each in (fair, apart, nothing)] == [False, True, True]
    assert not unjudged(replace(nothing, differs={"build": ("a", "b")}))
    assert listed([apart], set())[0].verdict == "no verdict"


def test_a_change_has_its_interval_or_says_that_it_has_none() -> None:
    """Both are written to the same digit."""
    cell = comparison_of(1).cells[0]

    assert change_of(cell) == "+5.0 % (+3.1 to +7.0 %)"
    assert change_of(replace(cell, change=Interval(1.05, None, None, 0.95, 2))) == "+5.0 % (no interval)"
    assert change_of(replace(cell, change=None)) == ""
