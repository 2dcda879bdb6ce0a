"""A run's trials over time: a strip for each figure that is known, a mark for each trial that has it."""

from __future__ import annotations

from dataclasses import replace

from device_agents.contract import InvalidReason
from lab.records.explanation import Doing
from lab.report.explain.strips import strips_of
from tests.lab.report.report_runs import CELLS, bad, explained, fine, kept_of


def test_a_figure_that_nobody_knows_has_no_strip() -> None:
    """Of temperature, clocks and load only the load was read."""
    strips = strips_of(explained(kept_of(fine(2), Doing(others_cores=0.5))))

    assert [strip.title for strip in strips] == ["median, % of its cell's mean", "others' CPU, cores"]
    assert [mark.value for mark in strips[1].marks] == [0.5, 0.5, 0.5, 0.5]


def test_each_mark_knows_its_trial_and_an_invalid_one_is_drawn_as_such() -> None:
    """A trial has two temperatures, so its marks are two; one without a figure has no value."""
    trials = fine(1, CELLS)
    trials[1] = replace(bad(trials[1], InvalidReason.AGENT_DIED, "signal 9"), samples={})
    medians, heat = strips_of(explained(kept_of(trials, Doing(skin=(30.0, 33.5)))))

    assert [(mark.value, mark.style) for mark in medians.marks] == [(100.0, "counts"), (None, "invalid")]
    assert [line.number for line in heat.lines] == [1, 1, 2, 2]
    assert [mark.value for mark in heat.marks] == [30.0, 33.5, 30.0, 33.5]
    assert [mark.style for mark in heat.marks] == ["start", "peak", "start invalid", "peak invalid"]


def test_a_run_without_a_figure_has_no_strips() -> None:
    """Nothing could be drawn over time."""
    assert strips_of(explained([])) == ()
