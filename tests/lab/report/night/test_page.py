"""A night as a page: complete, self-contained, readable on a phone."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Page

from lab.report.night.page import render_page
from lab.report.night.view import DEMO, view_of
from tests.lab.report.answer.test_page import CUT_OFF, _Page
from tests.lab.report.night.night_reports import hostile, many, realistic


def page_of(text: str) -> _Page:
    """Parse a page."""
    page = _Page()
    page.feed(text)
    return page


def test_the_page_loads_nothing_and_states_the_verdict() -> None:
    """No script, no image; links only inside the page, each to something that is there."""
    view = view_of(*realistic())
    text = render_page(view)
    page = page_of(text)

    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags) and "http" not in text
    assert view.verdict.replace(" %", "\u00a0%") in unescape(text)
    assert all(f'id="{each.removeprefix("#")}"' in text for each in page.addresses) and page.addresses
    assert page.open == [], "every tag is closed"
    assert "prefers-color-scheme: dark" in text


def test_every_finding_has_its_history_and_its_pairs() -> None:
    """Ten histories of 45 nights; six confirmations with as many dots as they have pairs."""
    text = render_page(view_of(*realistic()))

    assert text.count('<figure class="history">') == 10 and text.count('<figure class="pairs">') == 6
    assert text.count('<circle class="pair"') == 12 + 12 + 8 + 10 + 14 + 8
    assert text.count('<circle class="event"') == 1
    assert text.count('<rect class="span" x=') == 6 + 5, "intervals: of the confirmations and of incidents' series"


def test_hostile_names_are_text() -> None:
    """Every place that a name can reach is escaped."""
    text = render_page(view_of(*hostile()))

    assert "script" not in page_of(text).tags
    assert not {"\x1b", "\x00", "\ud800"} & set(text) and text.encode()
    assert text.count("&lt;script&gt;") > 10


def test_a_demonstration_is_marked() -> None:
    """Beside the verdict."""
    night, values = realistic()

    assert f'<li class="demo">{DEMO}</li>' in render_page(view_of(replace(night, demo=True), values))


def test_ten_thousand_findings_are_a_page_that_opens() -> None:
    """Forty of a section are drawn, a thousand have a line, the rest a sentence."""
    text = render_page(view_of(*many(10_000)))

    assert len(text.encode()) < 8_000_000
    assert "250 more: see report.json" in text, "of 1,250 suspects"


@pytest.mark.slow
def test_nothing_is_cut_off_on_a_desk_or_on_a_phone(browser_page: Page, tmp_path: Path) -> None:
    """At 1280 and 390 pixels, a realistic night and a hostile one: no overflow, no text outside a picture."""
    for name, (night, values) in {"real": realistic(), "hostile": hostile()}.items():
        page = tmp_path / f"{name}.html"
        page.write_text(render_page(view_of(night, values)), encoding="utf-8")
        for width in (1280, 390):
            browser_page.set_viewport_size({"width": width, "height": 900})
            browser_page.goto(page.as_uri())
            assert browser_page.evaluate("document.documentElement.scrollWidth") <= width
            assert browser_page.evaluate(CUT_OFF, "figure svg") == []
            assert browser_page.locator("h1").inner_text()
