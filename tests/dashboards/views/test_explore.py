"""Explore shows any series, keeps kinds of devices apart, and is a link in whatever state it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect
from streamlit.testing.v1 import AppTest

from lab.records import Series, Value
from lab.store import Store
from tests.dashboards.pages import shown, words
from tests.night_records import SERIES, night, value

HOSTILE = "<b>x</b> **y** :red[z]"
POINT = "decode / context_tokens=128 / demo-w4 / decode_tokens_per_s / demo-phone-1"


def charts(at: AppTest) -> list[dict[str, Any]]:
    """Return the options of a page's charts, in their order."""
    return [json.loads(each.proto.spec) for each in at.get("echarts_chart")]


def names(at: AppTest) -> list[list[str]]:
    """Return the series of each chart that have points."""
    return [[each["name"] for each in chart["series"] if each["data"]] for chart in charts(at)]


def of_kind(series: Series, kind: str, figure: float = 381.0) -> Value:
    """Return a figure of a series on a kind of device."""
    return replace(value(series, figure), context={"device kind": kind, "os": "14"})


def saved(root: Path, values: Sequence[Value]) -> Path:
    """Save one finished night with these figures, and return its data root."""
    with closing(Store(root)) as store:
        store.save_values(night().id, values)
        store.save_night(night())
    return root


def test_the_page_says_how_much_of_how_much_it_draws(rack: Path) -> None:
    """More than twelve series cannot be told from each other."""
    at = shown(rack, "explore", scenario="decode")

    assert "6 of 30 series that fit, of 60 in demo; 34 nights." in words(at).replace("\\", "")
    assert [len(each) for each in names(at)] == [6]


def test_filters_and_the_search_choose_series(rack: Path) -> None:
    """The link has them all."""
    at = shown(
        rack, "explore", scenario="all scenarios", devices="demo-phone-1", lines="demo-w4", search="DECODE 128"
    )

    assert names(at) == [["demo-phone-1"]]
    assert "1 of 1 series that fit, of 60" in words(at)


def test_unknown_values_in_a_link_fall_back(rack: Path) -> None:
    """A link of another data root opens, and forgets what is not here."""
    at = shown(
        rack, "explore", scenario="gone", devices="gone", over="weeks", **{"from": "never"}, point="gone @ 1"
    )

    assert not at.exception
    assert "6 of 30 series that fit" in words(at)
    assert "The point in this link has no figure here" in words(at)


def test_a_filter_that_fits_nothing_says_so(rack: Path) -> None:
    """No empty chart is drawn."""
    at = shown(rack, "explore", search="no such thing")

    assert "No series fits" in words(at)
    assert not charts(at)


def test_a_locked_point_says_its_difference_and_leads_on(rack: Path) -> None:
    """Its panel is part of the link; the runs of two points lead to Compare."""
    at = shown(rack, "explore", point=f"{POINT} @ 2026-11-29")
    said = words(at).replace("\\", "")

    assert "tokens/s on 2026-11-29" in said
    assert "against 2026-11-28" in said and "higher is better" in said
    assert "Builds: demo-w4 r" in said
    assert "Compare them" not in said


def test_a_point_becomes_base_or_new(rack: Path) -> None:
    """The runs stand in the link."""
    at = shown(rack, "explore", point=f"{POINT} @ 2026-11-29")
    next(each for each in at.button if each.label == "Take as base").click()

    assert len(at.run().query_params["base"]) == 36


def test_over_builds_a_point_is_a_build(rack: Path) -> None:
    """The axis has revisions in their order, and no event of a night."""
    at = shown(rack, "explore", over="builds", devices="demo-phone-1", lines="demo-w4")
    axis = charts(at)[0]["xAxis"]["data"]

    assert axis[:2] == ["r1", "r2"] and axis.index("r9") < axis.index("r10")


def test_over_builds_lines_do_not_share_an_axis(rack: Path) -> None:
    """Revision 3 of one line is not revision 3 of another."""
    at = shown(rack, "explore", over="builds", scenario="decode", devices="demo-phone-1")
    lines = set(at.dataframe[-1].value["series"].str.split(" / ").str[2])

    assert len(lines) > 1 and len(charts(at)) == len(lines)
    assert all(f"builds of {line}" in words(at).replace("\\", "") for line in lines)


def test_a_range_in_the_link_cuts_chart_and_table(rack: Path) -> None:
    """Both ends are included, in whatever order they stand."""
    at = shown(rack, "explore", devices="demo-phone-1", **{"from": "2026-11-28", "to": "2026-11-26"})

    assert charts(at)[0]["xAxis"]["data"] == ["2026-11-26", "2026-11-27", "2026-11-28"]


def test_two_kinds_of_device_never_share_an_axis(tmp_path: Path) -> None:
    """Each has its own chart that names the kind, unless both are relative."""
    root = saved(tmp_path / "data", [of_kind(SERIES, "phone"), of_kind(replace(SERIES, device="host"), "host")])

    assert names(shown(root, "explore")) == [["host"], ["phone-2"]]
    assert "this machine, no phone" in words(shown(root, "explore"))
    assert names(shown(root, "explore", relative="true")) == [["host", "phone-2"]]


def test_only_what_matters_had_a_finding(tmp_path: Path) -> None:
    """The night found a regression of one series, and nothing of the other."""
    root = saved(
        tmp_path / "data", [of_kind(SERIES, "phone"), of_kind(replace(SERIES, device="phone-9"), "phone")]
    )

    assert names(shown(root, "explore")) == [["phone-2", "phone-9"]]
    assert names(shown(root, "explore", matters="true")) == [["phone-2"]]


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """A device and a fact with markup are shown as they are."""
    hostile = replace(of_kind(replace(SERIES, device=HOSTILE), HOSTILE), context={"device kind": HOSTILE})
    at = shown(saved(tmp_path / "data", [hostile]), "explore", point=f"{hostile.series.name} @ 2026-11-29")

    assert not at.exception
    assert "&lt;b\\>x&lt;/b\\> \\*\\*y\\*\\*" in words(at)
    assert "<b>" not in words(at).replace(f"kind of device: {HOSTILE}", "")


def test_a_night_whose_figures_are_damaged_is_left_out(tmp_path: Path) -> None:
    """The page stays, and says how many nights it has."""
    root = saved(tmp_path / "data", [of_kind(SERIES, "phone")])
    (root / "nights" / night().id / "values.parquet").write_bytes(b"half")

    assert not shown(root, "explore").exception


def test_runs_without_a_reading_say_that_there_is_none(rack: Path) -> None:
    """The simulated rack has no thermometer."""
    assert "read a temperature before its trials" in words(shown(rack, "explore", heat="true"))


def test_a_link_opens_the_same_view(served: str, browser: Browser) -> None:
    """What somebody chose stands in the address; opened anew it shows the same series."""
    with closing(browser.new_context()) as first, closing(browser.new_context()) as second:
        page = first.new_page()
        page.goto(f"{served}/explore?scenario=decode&devices=demo-phone-1")
        search = page.get_by_role("textbox", name="Search", exact=True)
        search.fill("2048 demo-w4")
        search.press("Enter")
        expect(page.get_by_text("1 of 1 series that fit")).to_be_visible()
        again = second.new_page()
        again.goto(page.url)

        expect(again.get_by_role("textbox", name="Search", exact=True)).to_have_value("2048 demo-w4")
        expect(again.get_by_text("1 of 1 series that fit")).to_be_visible()
