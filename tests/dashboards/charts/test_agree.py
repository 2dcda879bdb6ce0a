"""Devices of one kind beside each other."""

from __future__ import annotations

from dashboards.charts.agree import agree, height_of
from dashboards.charts.style import KINDS
from lab.report.steady import Level
from tests.night_records import DECODE

LEVEL = Level(20.0, 18.0, 21.0, 19.0, "2026-11-29", 30, 0.01, 29)


def test_each_device_has_a_bar_a_usual_level_and_its_newest_figure() -> None:
    """In the colour of their kind, with the direction of better on the axis."""
    option = agree({"phone-1": LEVEL, "phone-2": LEVEL}, DECODE, "phone")
    usual, newest = option["series"]

    assert option["xAxis"]["name"] == "decode (tokens/s), ↑ higher is better"
    assert option["yAxis"]["data"] == ["phone-1", "phone-2"]
    assert usual["itemStyle"]["color"] == KINDS["phone"]
    assert usual["data"][0] == {
        "value": [20.0, "phone-1"],
        "name": "phone-1: usually 20.0 tokens/s, 18.0 tokens/s to 21.0 tokens/s over 30 nights",
    }
    assert usual["markLine"]["data"][1] == [{"coord": [18.0, "phone-2"]}, {"coord": [21.0, "phone-2"]}]
    assert newest["data"][1]["value"] == [19.0, "phone-2"]
    assert height_of({"phone-1": LEVEL}) == 128
