"""A history is drawn as it was measured: gaps are gaps, and kinds have shapes."""

from __future__ import annotations

import math
from dataclasses import replace

from dashboards.charts.history import Line, drawn, history
from lab.records import Metric

ENCODE = Metric("encode_s", "image encoding", "s", "lower")
DATES = ("2026-11-28", "2026-11-29", "2026-11-30")
PHONE = Line("phone-1", "phone", DATES, (0.5, math.nan, 0.25), ("w4 r9", "", "w4 r10"))
BOOK = Line("PhoneX", "published", ("2026-11-30",), (0.75,), ("table 5",))


def test_a_night_without_a_figure_is_a_gap() -> None:
    """Its point has no value, and the line does not close over it."""
    line = history([PHONE], ENCODE)["series"][0]

    assert [point["value"] for point in line["data"]] == [
        ["2026-11-28", 500.0],
        ["2026-11-29", None],
        ["2026-11-30", 250.0],
    ]
    assert line["connectNulls"] is False


def test_a_point_says_its_series_date_figure_and_note() -> None:
    """The tooltip shows a point's name as it is, line by line."""
    option = history([PHONE], ENCODE)

    assert option["series"][0]["data"][0]["name"] == "phone-1\n2026-11-28: 500 ms\nw4 r9"
    assert option["tooltip"]["formatter"] == "{b}"


def test_the_axis_names_the_unit_and_the_better_direction() -> None:
    """Seconds below one are drawn as milliseconds."""
    assert history([PHONE], ENCODE)["yAxis"]["name"] == "image encoding (ms), ↓ lower is better"


def test_kinds_have_shapes_and_published_figures_are_never_joined() -> None:
    """A published figure is a point of its own colour with its own name in the legend."""
    phone, book = history([PHONE, BOOK], ENCODE)["series"]

    assert (phone["type"], phone["symbol"]) == ("line", "circle")
    assert (book["type"], book["symbol"], book["itemStyle"]["color"]) == ("scatter", "diamond", "#E69F00")
    assert book["name"] == "PhoneX (published)"


def test_builds_sort_by_their_revision() -> None:
    """r9 comes before r10, though text would sort it after."""
    builds = Line("phone-1", "phone", ("r10", "r9"), (2.0, 1.0), ("", ""))

    assert history([builds], ENCODE)["xAxis"]["data"] == ["r9", "r10"]


def test_events_are_lines_that_the_legend_can_hide() -> None:
    """Few have their words beside them; the words of many are in their tooltips alone."""
    few = history([PHONE], ENCODE, marks=[("2026-11-29", "phone-1: device software 14 -> 15")])
    many = history([PHONE], ENCODE, marks=[(DATES[0], f"r{number}") for number in range(13)])

    assert few["series"][1]["markLine"]["data"] == [
        {"xAxis": "2026-11-29", "name": "phone-1: device software 14 -> 15"}
    ]
    assert few["legend"]["data"] == ["phone-1", "events"]
    assert few["series"][1]["markLine"]["label"]["show"] and not many["series"][1]["markLine"]["label"]["show"]


def test_a_step_is_two_levels_and_the_usual_band_is_shaded() -> None:
    """Both are in the unit of the axis."""
    _, level, band = history([PHONE], ENCODE, level=(DATES[1], 0.5, 0.25), band=(0.45, 0.55))["series"]

    assert level["markLine"]["data"] == [
        [{"coord": ["2026-11-28", 500.0]}, {"coord": ["2026-11-29", 500.0]}],
        [{"coord": ["2026-11-29", 250.0]}, {"coord": ["2026-11-30", 250.0]}],
    ]
    assert band["markArea"]["data"] == [[{"yAxis": 450.0}, {"yAxis": 550.0}]]


def test_a_year_of_ten_series_stays_within_the_most_points() -> None:
    """The outlier of each stays: it is what matters."""
    dates = tuple(f"{month:02d}-{day:02d}" for month in range(1, 14) for day in range(1, 29))
    values = tuple(9.0 if at == 100 else 1.0 for at in range(len(dates)))
    found = drawn([Line(str(number), "phone", dates, values, dates) for number in range(10)])

    assert sum(map(len, found)) <= 2000
    assert all(100 in places for places in found)


def test_a_selectable_chart_offers_points_and_ranges() -> None:
    """A point of one series at a time, and a brush along the dates."""
    option = history([PHONE], ENCODE, selectable=True)

    assert option["series"][0]["selectedMode"] == "single"
    assert option["brush"] == {"toolbox": ["lineX", "clear"], "xAxisIndex": 0}
    assert "brush" not in history([PHONE], ENCODE)


def test_no_line_is_an_empty_chart() -> None:
    """A level and marks without a figure do not fail."""
    assert history([], ENCODE, marks=[("2026-11-29", "r9")])["xAxis"]["data"] == ["2026-11-29"]
    assert history([], ENCODE, level=("2026-11-29", 1.0, 2.0))["xAxis"]["data"] == ["2026-11-29"]
    assert history([], ENCODE)["series"] == []


def test_figures_of_an_emulated_phone_have_no_better_direction() -> None:
    """They are no measurements; those of a phone have one."""
    emulated = replace(PHONE, kind="emulated")
    metric = Metric("load_s", "load", "s", "lower")

    assert history([emulated], metric)["yAxis"]["name"] == "load (ms), emulated, not a measurement"
    assert history([PHONE], metric)["yAxis"]["name"] == "load (ms), ↓ lower is better"
