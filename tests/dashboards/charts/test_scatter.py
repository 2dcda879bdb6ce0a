"""Figures against heat are points in groups, within what a chart can take."""

from __future__ import annotations

from dashboards.charts.scatter import scatter
from lab.records import Metric

DECODE = Metric("decode_tokens_per_s", "decode", "tokens/s", "higher")


def test_a_point_is_a_temperature_and_a_figure() -> None:
    """Its tooltip has both with their units."""
    option = scatter({"phone-1 (skin)": [(34.25, 20.0)]}, "start (°C)", DECODE)

    assert option["series"][0]["data"] == [
        {"value": [34.25, 20.0], "name": "phone-1 (skin)\nstart (°C): 34.2\n20.0 tokens/s"}
    ]
    assert option["xAxis"]["name"] == "start (°C)"
    assert option["yAxis"]["name"] == "decode (tokens/s), ↑ higher is better"


def test_more_points_than_a_chart_takes_are_the_newest() -> None:
    """Each of two groups keeps its last thousand."""
    points = [(float(at), 1.0) for at in range(1500)]
    series = scatter({"a": points, "b": points}, "start (°C)", DECODE)["series"]

    assert [len(each["data"]) for each in series] == [1000, 1000]
    assert series[0]["data"][0]["value"] == [500.0, 1.0]
