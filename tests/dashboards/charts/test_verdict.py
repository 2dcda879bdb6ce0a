"""A comparison in pictures: literal figures in, literal places out."""

from __future__ import annotations

from dashboards.charts.verdict import Effect, ecdf, forest, forest_height, strips
from lab.records import Metric

DECODE = Metric("decode_tokens_per_s", "decode", "tokens/s", "higher")
PREFILL = Metric("prefill_s", "prefill", "s", "lower")
WORSE = Effect("128 tokens", "regressed", 0.925, 0.911, 0.939, 0.018)


def test_a_change_is_a_diamond_on_its_interval_in_percent() -> None:
    """The row of a verdict begins with its sign, and its tooltip says the figures."""
    option = forest([WORSE], DECODE)
    row = option["series"][1]

    assert [point["value"] for point in row["data"]] == [[-8.9, 0], [-7.5, 0], [-6.1, 0]]
    assert row["data"][1]["name"] == "× 128 tokens\nregressed: -7.5 % (-8.9 to -6.1 %)"
    assert option["yAxis"]["data"] == ["× 128 tokens"]


def test_the_zone_of_same_and_the_smallest_effect_stand_behind_every_change() -> None:
    """Same lies within 5 %, and no change below 3 % is called one."""
    zone = forest([WORSE], DECODE)["series"][0]

    assert zone["markArea"]["data"] == [[{"xAxis": -5.0, "name": "same: within ±5 %"}, {"xAxis": 5.0}]]
    assert [line["xAxis"] for line in zone["markLine"]["data"]] == [0, -3.0, 3.0]


def test_the_axis_says_which_side_is_better() -> None:
    """More tokens a second are better, more seconds are worse."""
    assert forest([WORSE], DECODE)["xAxis"]["name"] == "← worse · change of decode · better →"
    assert forest([WORSE], PREFILL)["xAxis"]["name"] == "← better · change of prefill · worse →"


def test_the_smallest_change_that_could_be_seen_is_a_bar_around_zero() -> None:
    """A cell whose spread is not known has none."""
    blind = Effect("512 tokens", "cannot tell", 1.02, None, None)
    series = forest([WORSE, blind], DECODE)["series"]

    assert series[3]["data"] == [[-1.8, 0], [1.8, 0]]
    assert len(series) == 4
    assert "no interval" in series[2]["data"][1]["name"]
    assert forest_height([WORSE, blind]) == 178


def test_a_pair_is_joined_and_a_trial_without_a_partner_is_not() -> None:
    """The sides are columns of their own shapes; what does not count is a cross."""
    option = strips(({0: 0.5, 1: 0.5}, {1: 0.25}), ("old", "new"), PREFILL, [(1, 0.75)])
    pairs, old, new, lost = option["series"]

    assert pairs["data"] == [[0, 500.0], [1, 250.0], [None, None]]
    assert [point["value"] for point in old["data"]] == [[0, 500.0], [0, 500.0]]
    assert new["data"] == [{"value": [1, 250.0], "name": "new, pair 1\n250 ms"}]
    assert (lost["name"], lost["data"][0]["value"]) == ("does not count", [1, 750.0])
    assert (old["symbol"], new["symbol"]) == ("circle", "diamond")


def test_runs_that_were_not_measured_in_turn_are_not_joined() -> None:
    """Their blocks are no pairs."""
    assert strips(({0: 0.5}, {0: 0.25}), ("old", "new"), PREFILL, joined=False)["series"][0]["data"] == []


def test_the_staircase_rises_by_a_share_at_every_trial() -> None:
    """Two trials: a half at the first, all at the second. A side without a trial has none."""
    old, new = ecdf([2.0, 1.0], [], ("old", "new"), PREFILL)["series"]

    assert [point["value"] for point in old["data"]] == [[1.0, 0.0], [1.0, 0.5], [2.0, 1.0]]
    assert new["data"] == []
