"""Strips share their axis, thin without losing an outlier, and know which point was selected."""

from __future__ import annotations

from dashboards.charts.strips import Band, Point, Strip, Trace, drawn, height_of, picked_key, strips


def two() -> list[Strip]:
    """Return two strips; the second trace of the first has a ring and a point without a value."""
    return [
        Strip(
            "median",
            [
                Trace("one", "#000000", [Point(0.0, 5.0, "trial 1", key=1)], picked=True),
                Trace("two", "#ffffff", [Point(1.0, 7.0, "trial 2", True, 2), Point(2.0, None, "trial 3", key=3)]),
            ],
        ),
        Strip("heat", [Trace("one", "#000000", [Point(4.0, 30.0, "30 degrees")], joined=True)]),
    ]


def test_strips_share_one_axis_and_stand_above_each_other() -> None:
    """From the first to the last point of all, with a little room; only the lowest axis has labels."""
    found = strips(two(), axis="seconds", bands=[Band("warm-up", 0.0, 1.0), Band("tiny", 1.0, 1.1)])

    assert [(axis["min"], axis["max"]) for axis in found["xAxis"]] == [(-0.08, 4.08), (-0.08, 4.08)]
    assert [axis["axisLabel"]["show"] for axis in found["xAxis"]] == [False, True]
    assert [title["text"] for title in found["title"]] == ["median", "heat"]
    assert found["grid"][1]["top"] - found["grid"][0]["top"] == 174
    assert height_of(two()) == found["grid"][1]["top"] + 130 + 44
    bands = [series["markArea"]["data"] for series in found["series"] if "markArea" in series]
    assert [[band[0]["name"] for band in own] for own in bands] == [["warm-up", ""], ["warm-up", ""]]


def test_what_does_not_count_is_a_ring_and_what_has_no_figure_lies_on_the_edge() -> None:
    """The lowest value of its strip."""
    one, other, heat = strips(two(), axis="seconds")["series"]

    assert one["data"] == [{"name": "trial 1", "value": [0.0, 5.0]}]
    assert other["data"] == [
        {
            "name": "trial 2",
            "value": [1.0, 7.0],
            "itemStyle": {"color": "transparent", "borderColor": "#ffffff", "borderWidth": 2},
        },
        {"name": "trial 3", "value": [2.0, 5.0], "symbol": "triangle"},
    ]
    assert (one["type"], heat["type"]) == ("scatter", "line")
    assert (one["selectedMode"], "selectedMode" in other) == ("single", False)


def test_a_selection_is_told_by_its_key() -> None:
    """Series count over all strips; a place that is gone is none."""
    assert picked_key(two(), [(1, 1)]) == 3
    assert picked_key(two(), [(1, 9)]) is None
    assert picked_key(two(), []) is None


def test_many_points_are_thinned_and_the_outlier_stays() -> None:
    """Ten thousand points of two strips: at most as many as asked for, in the order of time."""
    points = [Point(float(n), 9.0 if n == 4321 else 1.0, f"trial {n}") for n in range(5000)]
    found = drawn([Strip("a", [Trace("", "#000000", points)]), Strip("b", [Trace("", "#000000", points)])], 400)

    kept = [strip.traces[0].points for strip in found]
    assert sum(map(len, kept)) <= 400
    assert all(points[4321] in own for own in kept)
    assert [point.at for point in kept[0]] == sorted(point.at for point in kept[0])


def test_a_tick_is_not_the_last_bit_of_a_figure() -> None:
    """A share of 99.99999999999999 % is 100."""
    (series,) = strips([Strip("a", [Trace("", "#000000", [Point(0.0, 99.99999999999999, "")])])], axis="s")[
        "series"
    ]

    assert series["data"][0]["value"] == [0.0, 100.0]
