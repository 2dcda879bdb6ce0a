"""The iterations of a trial: what counts is filled, what does not is a ring in a band that has a name."""

from __future__ import annotations

from dataclasses import replace

from dashboards.charts.iterations import of_iterations
from dashboards.charts.strips import Band, Strip
from lab.report.phases import Iteration
from tests.lab.report.report_runs import fine

TRIAL = replace(fine(1)[0], samples={"encode_s": (0.5, 0.25, 0.125)}, first_steady=1)
SEEN = [Iteration(n, "warmup" if n < 2 else "measure", float(n), 0.5) for n in range(5)]


def rings(strip: Strip) -> list[tuple[float, float | None, bool]]:
    """Return place, value and hollowness of each point."""
    return [(point.at, point.value, point.hollow) for point in strip.traces[0].points]


def test_samples_stand_at_their_iterations_behind_the_warm_up() -> None:
    """In milliseconds; the first measured one was not steady yet."""
    (samples, whole), bands = of_iterations(TRIAL, SEEN, "encode_s")

    assert samples.title == "image encoding (ms), ↓ lower is better"
    assert rings(samples) == [(2, 500.0, True), (3, 250.0, False), (4, 125.0, False)]
    assert whole.title == "whole iteration (ms), ↓ lower is better"
    assert [hollow for _, _, hollow in rings(whole)] == [True, True, True, False, False]
    assert bands == [Band("warm-up", -0.5, 1.5), Band("not steady yet", 1.5, 2.5)]


def test_without_events_the_samples_are_drawn_alone() -> None:
    """A demonstration's run keeps none; a metric that this version does not know is drawn by its name."""
    strips, bands = of_iterations(replace(TRIAL, first_steady=0, samples={"moon_s": (1.0,)}), [], "moon_s")

    assert [strip.title for strip in strips] == ["moon_s (), ↓ lower is better"]
    assert rings(strips[0]) == [(0, 1.0, False)]
    assert bands == []


def test_nothing_of_an_invalid_or_unsteady_trial_counts() -> None:
    """All its points are rings."""
    for trial in (replace(TRIAL, valid=False), replace(TRIAL, state="unsteady")):
        strips, _ = of_iterations(trial, SEEN, "encode_s")
        assert all(point.hollow for strip in strips for point in strip.traces[0].points)
