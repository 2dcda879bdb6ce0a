"""Pairs are drawn as they were measured: both sides joined, the direction of better named, unknowns left out."""

from __future__ import annotations

from dataclasses import replace

from dashboards.charts.pairs import pairs, worse
from lab.records import Metric
from lab.report.incident.confirmed import Pair

PREFILL = Metric("prefill_s", "prefill", "s", "lower")
NAMES = ("r11 (good)", "r12 (bad)")
TWO = (Pair(1, 0.5, 0.55, False, (31.0, None)), Pair(2, 0.52, 0.5, True, (31.5, 32.0)))


def test_both_sides_of_a_pair_are_joined() -> None:
    """A line from one point to the other, and none to the next pair."""
    line, good, bad = pairs(TWO, PREFILL, NAMES)["series"]

    assert line["data"] == [["1", 500.0], ["1", 550.0], ["1", None], ["2", 520.0], ["2", 500.0], ["2", None]]
    assert line["connectNulls"] is False
    assert [point["value"] for point in good["data"]] == [["1", 500.0], ["2", 520.0]]
    assert [point["value"] for point in bad["data"]] == [["1", 550.0], ["2", 500.0]]
    assert good["symbol"] != bad["symbol"]


def test_a_pair_says_its_figures_and_its_order() -> None:
    """In the tooltip of either point."""
    option = pairs(TWO, PREFILL, NAMES)

    assert option["series"][2]["data"][1]["name"] == (
        "pair 2, began with r12 (bad)\nr11 (good): 520 ms\nr12 (bad): 500 ms (-3.8 %)"
    )
    assert option["yAxis"][0]["name"] == "prefill (ms), ↓ lower is better"


def test_start_temperatures_have_a_picture_of_their_own_where_a_sensor_gave_them() -> None:
    """One that was not read is a gap, not zero; without a sensor there is no second picture."""
    option = pairs(TWO, PREFILL, NAMES, "case")

    assert [axis["name"] for axis in option["yAxis"]][1] == "case at the start (°C)"
    assert [point["value"] for point in option["series"][5]["data"]] == [["1", None], ["2", 32.0]]
    assert option["series"][1]["data"][0]["name"].endswith("case at the start: 31.0 °C, unknown")
    assert len(pairs(TWO, PREFILL, NAMES)["grid"]) == 1


def test_worse_pairs_are_counted_by_the_direction_of_better() -> None:
    """Less time and more tokens a second are better; equal is neither."""
    rate = replace(PREFILL, unit="tokens/s", better="higher")
    equal = Pair(3, 0.5, 0.5, False, (None, None))

    assert worse((*TWO, equal), PREFILL) == 1
    assert worse((*TWO, equal), rate) == 1
    assert worse((equal,), rate) == 0
