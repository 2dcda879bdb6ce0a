"""Rates drawn: shares found by size with their bounds, and lost trials by reason."""

from __future__ import annotations

from dataclasses import replace

from dashboards.charts.rates import MOST_DEVICES, lost, lost_height, recall
from lab.records import LiveCheck, ResampledRates, Tally
from tests.saved_checks import ALIKE, CHECKED


def test_slow_downs_found_are_a_line_and_live_ones_a_diamond_with_its_bound() -> None:
    """5 of 5 found live has a lower bound of 54.93 %; equal builds are no slow-down and not drawn."""
    resampled = (ResampledRates(1.0, 1000, 0, 5, 0, 995, 20.0), ResampledRates(1.05, 1000, 990, 0, 0, 10, 9.0))
    live = tuple(LiveCheck(f"s{i}", 1.1, replace(ALIKE, verdict="regressed"), 16, 30.0) for i in range(5))

    line, diamond, wanted = recall([replace(CHECKED, resampled=resampled, live=live)])["series"]

    assert [each["value"] for each in line["data"]] == [[5.0, 99.0]]
    assert line["data"][0]["name"] == "host, resampled\n5 % slower: 990 of 1000 (≥ 98.3 %)"
    assert (diamond["symbol"], diamond["data"][0]["value"]) == ("diamond", [10.0, 100.0])
    assert diamond["markLine"]["data"] == [[{"coord": [10.0, 54.93]}, {"coord": [10.0, 100.0]}]]
    assert wanted["markLine"]["data"] == [{"yAxis": 95.0}]


def test_live_shares_of_several_devices_do_not_hide_each_other() -> None:
    """The second stands a tenth of a percent beside the first."""
    live = (LiveCheck("s0", 1.1, replace(ALIKE, verdict="regressed"), 16, 30.0),)
    checks = [replace(CHECKED, live=live), replace(CHECKED, device="phone-1", live=live)]

    assert [each["data"][0]["value"][0] for each in recall(checks)["series"][:2]] == [10.0, 10.1]


def test_a_check_that_injected_nothing_draws_nothing() -> None:
    """The line of what is wanted stays alone."""
    assert [each["name"] for each in recall([CHECKED])["series"]] == ["well found"]


def test_lost_trials_are_stacked_by_reason_for_the_devices_that_lost_most() -> None:
    """Trials that counted are not drawn."""
    tallies = [
        Tally("p", "decode", "", 90),
        Tally("p", "decode", "starved", 4),
        Tally("p", "prefill", "starved", 1),
        Tally("q", "decode", "throttled", 7),
    ]
    option = lost(tallies)

    assert option["yAxis"]["data"] == ["q", "p"]
    assert [(each["name"], each["data"]) for each in option["series"]] == [
        ("starved", [0, 5]),
        ("throttled", [7, 0]),
    ]
    many = [Tally(f"p{n}", "decode", "starved", 1) for n in range(50)]
    assert len(lost(many)["yAxis"]["data"]) == MOST_DEVICES
    assert lost_height(many) == 110 + 26 * MOST_DEVICES
