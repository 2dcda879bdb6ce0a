"""The trials of a run over time, coloured by cell, with what the device did below."""

from __future__ import annotations

from dataclasses import replace

from dashboards.charts.sensors import of_sensors
from dashboards.charts.strips import Band
from dashboards.charts.style import BLUE, ORANGE
from dashboards.charts.trials import of_trials, time_axis
from device_agents.contract import InvalidReason
from lab.records.explanation import Doing
from lab.report.phases import Iteration
from lab.report.readings import Readings
from tests.lab.report.report_runs import bad, explained, fine, kept_of


def test_cells_have_their_colours_in_every_strip_and_points_name_their_trials() -> None:
    """Two cells in turn, a minute apart; the invalid one is a ring."""
    trials = fine(2)
    trials[2] = bad(trials[2], InvalidReason.STARVED, "others had the cores")
    found = explained(kept_of(trials, Doing(others_cores=0.5)))

    medians, load = of_trials(found)

    assert medians.title == "image encoding: median, % of its cell's mean, ↓ lower is better"
    assert [(trace.name, trace.colour) for trace in load.traces] == [
        ("1 patch per batch", BLUE),
        ("4 patches per batch", ORANGE),
    ]
    assert [[(point.at, point.key, point.hollow) for point in trace.points] for trace in medians.traces] == [
        [(0.0, 1, False), (2.0, 3, True)],
        [(1.0, 2, False), (3.0, 4, False)],
    ]


def test_three_minutes_are_counted_in_minutes() -> None:
    """As on the page of `lab explain`."""
    assert time_axis(explained(kept_of(fine(1)))) == (1.0, "seconds since the first trial")
    assert time_axis(explained(kept_of(fine(2)))) == (1 / 60, "minutes since the first trial")


def test_sensors_share_their_axis_with_the_iterations() -> None:
    """Warm-up and measurement are bands over each kind of reading."""
    readings = Readings("temperature, °C", {"skin": ((-1.0, 30.0), (2.0, 31.5))})
    seen = [
        Iteration(0, "warmup", 0.5, 0.5),
        Iteration(1, "measure", 1.0, 0.5),
        Iteration(2, "measure", 1.5, 0.75),
    ]

    (strip,), bands = of_sensors([replace(readings)], seen)

    assert [(point.at, point.value, point.words) for point in strip.traces[0].points] == [
        (-1.0, 30.0, "skin: 30 at -1.0 s"),
        (2.0, 31.5, "skin: 31.5 at 2.0 s"),
    ]
    assert bands == [Band("warm-up", 0.5, 1.0), Band("measured", 1.0, 2.25)]
