"""The layout of an answer's chart."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lab.report.answer.chart import chart, charts
from lab.report.answer.view import answer
from lab.stats.sample import medians_by_block
from tests.lab.report.report_runs import (
    ENCODE,
    batches,
    cell,
    example,
    run_of,
    trials_of,
)


def test_the_chart_places_trials_by_value_and_block() -> None:
    """Larger is further right, later is further down; the interval contains its estimate."""
    found, trials = example()
    drawn = chart(found, trials)

    assert drawn is not None and drawn.published is not None and not drawn.logarithmic
    slow, best = drawn.rows[0], drawn.rows[1]
    assert (best.standing, drawn.rows[2].standing, slow.standing) == ("tied", "tied", "behind")
    assert min(m.x for m in slow.marks) > max(m.x for m in best.marks)
    assert [m.y for m in best.marks] == sorted(m.y for m in best.marks)
    assert best.band[0] < best.band[1] < best.band[2] < drawn.published.x
    assert [m.standing for m in slow.marks].count("invalid") == 1
    assert len(best.diamonds) == 1 and not slow.diamonds
    assert drawn.published.ticks[0][1] == "0"


def test_the_chart_turns_logarithmic_for_a_wide_range() -> None:
    """One token in parallel takes a hundred times longer than 512."""
    cells = tuple(cell(f"parallel_tokens={v}", parallel_tokens=v) for v in (1, 512))
    trials = trials_of(cells, {"encode_s": [[90.0] * 6, [0.9] * 6]})
    drawn = chart(answer(run_of(cells), trials, question="?", metric=ENCODE), trials)

    assert drawn is not None and drawn.logarithmic
    assert [text for _, text in drawn.ours.ticks] == ["1", "2", "5", "10", "20", "50", "100"]


def test_the_chart_of_equal_values_has_a_scale() -> None:
    """A single trial, or constants, do not divide by zero."""
    cells = batches(4)
    drawn = chart(
        answer(run_of(cells), (t := trials_of(cells, {"encode_s": [[0.3]]})), question="?", metric=ENCODE), t
    )

    assert drawn is not None and drawn.ours.ticks
    assert drawn.rows[0].band == (drawn.rows[0].marks[0].x,)


def test_a_dot_is_the_value_that_counts() -> None:
    """Warm-up is cut as for the figure; what never settled is drawn, but not as a value that counts."""
    cells = batches(1, 4)
    slow = (0.9, 0.8, 0.4, 0.41, 0.4, 0.39)
    trials = [
        replace(trial, samples={"encode_s": slow}, state="steady", first_steady=2)
        for trial in trials_of(cells, {"encode_s": [[0.4] * 6, [0.4] * 6]})
    ]
    trials[0] = replace(trials[0], state="unsteady", first_steady=0)
    trials[1] = replace(trials[1], purpose="memory")
    found = answer(run_of(cells), trials, question="?", metric=ENCODE)
    drawn = chart(found, trials)

    assert drawn is not None
    for row, each in zip(drawn.rows, cells, strict=True):
        filled = [mark.value for mark in row.marks if mark.standing == "counts"]
        assert filled == pytest.approx([0.4] * 5)
        assert filled == list(medians_by_block(trials, each.key, "encode_s").values())
    first = drawn.rows[0].marks[0]
    assert first.standing == "unsteady"
    assert first.value == pytest.approx(math.sqrt(0.4 * 0.41))
    assert first.title.endswith("never settled: counts for nothing")
    assert [len(row.marks) for row in drawn.rows] == [6, 5]


def test_a_chart_for_a_phone_has_a_cells_name_above_its_dots() -> None:
    """The same values in the same order, within a third of the width; nothing has to be scrolled."""
    found, trials = example()
    large, small = charts(found, trials)

    assert (large.width, small.width) == (960, 340)
    assert small.published is not None and small.ours.y != small.published.y, "two titles, below each other"
    for row, wide in zip(small.rows, large.rows, strict=True):
        assert row.text_y < min(mark.y for mark in row.marks) - 4
        assert [mark.value for mark in row.marks] == [mark.value for mark in wide.marks]
        assert all(0 < mark.x < small.width for mark in row.marks)


def test_the_legend_has_the_signs_of_the_chart_and_no_other() -> None:
    """Trials in the colour of each standing, lost ones, intervals; a figure of one trial is an estimate alone."""
    found, trials = example()
    drawn = chart(found, trials)
    one = trials_of(batches(4), {"encode_s": [[0.3]]})
    alone = chart(answer(run_of(batches(4)), one, question="?", metric=ENCODE), one)

    assert drawn is not None and alone is not None
    assert [(sign.shape, sign.standing, sign.style) for sign in drawn.signs] == [
        ("dot", "behind", "counts"),
        ("dot", "tied", "counts"),
        ("dot", "", "invalid"),
        ("band", "behind", ""),
    ]
    assert [(sign.shape, sign.standing) for sign in alone.signs] == [("dot", "not judged"), ("line", "not judged")]
