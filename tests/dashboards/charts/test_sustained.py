"""The curve of a sustained trial, from literal windows."""

from __future__ import annotations

from dataclasses import replace

from dashboards.charts.style import KINDS, MOST_POINTS
from dashboards.charts.sustained import sustained
from lab.records import Sustained, Window

CURVE = Sustained(
    trial=1,
    cell="sustained",
    unit="tokens/s",
    window_s=60.0,
    windows=(Window(0.0, 20.0, 5, 31.0), Window(60.0, 15.0, 4, None), Window(120.0, 14.0, 4, 40.0)),
    peak=20.0,
    peak_at_s=0.0,
    lasting=14.0,
    ratio=None,
    loss_at_s=None,
    why="",
)


def test_rate_and_temperature_share_the_axis_of_time() -> None:
    """A window stands at its middle; a temperature that was not read is a gap."""
    rate, warm = sustained([CURVE], "phone")["series"]

    assert [each["value"] for each in rate["data"]] == [[0.5, 20.0], [1.5, 15.0], [2.5, 14.0]]
    assert [each["value"] for each in warm["data"]] == [[0.5, 31.0], [1.5, None], [2.5, 40.0]]
    assert (rate["color"], warm["yAxisIndex"]) == (KINDS["phone"], 1)
    assert rate["data"][0]["name"] == "minute 0.5: 20.0 tokens/s"
    assert [line["yAxis"] for line in rate["markLine"]["data"]] == [20.0, 14.0]


def test_trials_have_colours_of_their_own() -> None:
    """Two trials of one device would look the same in its colour."""
    found = sustained([CURVE, replace(CURVE, trial=2)], "phone")["series"]

    assert [each["name"] for each in found] == ["trial 1", "trial 1", "trial 2", "trial 2"]
    assert found[0]["color"] != found[2]["color"]


def test_a_long_trial_is_thinned_and_one_without_windows_has_no_chart() -> None:
    """The one slow window stays."""
    windows = tuple(Window(60.0 * at, 5.0 if at == 777 else 20.0, 1, 30.0) for at in range(5000))
    rate, warm = sustained([replace(CURVE, windows=windows)], "phone")["series"]

    assert len(rate["data"]) + len(warm["data"]) <= MOST_POINTS
    assert 5.0 in [each["value"][1] for each in rate["data"]]
    assert sustained([replace(CURVE, windows=())], "phone") == {}
