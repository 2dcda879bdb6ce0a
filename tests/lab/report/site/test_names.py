"""Names of a site's files, and links between them."""

from __future__ import annotations

from lab.report.site.names import links_of, page_of, pages_of_nights, relative
from lab.store.kinds import NightRow

RUN, COMPARISON = "01a22a78-16f8-7000-b52b-f24ea074b8f5", "01a22a78-16f8-7000-8888-000000000001"


def row(night: str, date: str = "2026-11-29", suite: str = "nightly") -> NightRow:
    """Return a night in a list."""
    return NightRow(night, date, suite, "2026-11-29T01:00:00Z", "finished")


def test_the_page_of_a_night_is_named_by_its_date() -> None:
    """Two suites of a date have their names, a night measured twice has its id."""
    rows = [
        row("a", "2026-11-30"),
        row("b"),
        row("c", suite="weekly"),
        row("d", "2026-11-28"),
        row("e", "2026-11-28"),
    ]

    assert pages_of_nights(rows) == {
        "a": "nights/2026-11-30.html",
        "b": "nights/2026-11-29-nightly.html",
        "c": "nights/2026-11-29-weekly.html",
        "d": "nights/d.html",
        "e": "nights/e.html",
    }


def test_names_that_are_no_names_of_files_never_become_one() -> None:
    """Neither a suite nor a date of a damaged record leaves the folder."""
    rows = [row("a", "../../etc"), row("b", suite="../x"), row("c", suite="n/m")]

    assert list(pages_of_nights(rows).values()) == ["nights/a.html", "nights/b.html", "nights/c.html"]


def test_a_record_is_found_by_its_id_or_by_the_start_that_pages_show() -> None:
    """Of a comparison and a run that begin alike, the start means the comparison."""
    links = links_of({RUN: page_of("run", RUN), COMPARISON: page_of("comparison", COMPARISON)})

    assert links.to(RUN, "index.html") == f"runs/{RUN}.html"
    assert links.to(RUN[:13], "nights/2026-11-29.html") == f"../comparisons/{COMPARISON}.html"
    assert links.to("01a22a78-16", "index.html") == links.to("01a22a78-16f9", "index.html") == ""
    assert links.to("", "index.html") == "" and links.to("short", "index.html") == ""


def test_a_page_has_no_link_to_itself() -> None:
    """It names its own record all the time."""
    links = links_of({RUN: page_of("run", RUN)})

    assert links.to(RUN, page_of("run", RUN)) == ""
    assert relative("index.html", page_of("run", RUN)) == "../index.html"
