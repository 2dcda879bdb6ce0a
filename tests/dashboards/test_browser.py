"""Every page in a real browser: light and dark, on a desk and on a phone, and nothing loaded from elsewhere."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from lab.store import Store
from tests.dashboards.pages import VIEWS

PROBES = ("/_stcore/health", "/_stcore/host-config")
"""What Streamlit asks below a deep link to find its base path; 404 is one of its answers."""

SHOWN = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def addresses(rack: Path) -> dict[str, str]:
    """Return page -> its link, with a record of the rack where it shows one."""
    store = Store(rack)
    records = {
        "incident": store.incidents()[0].id,
        "run": store.runs(1)[0].id,
        "compare": store.comparisons(1)[0].id,
    }
    links = {view: view + (f"?id={records[view]}" if view in records else "") for view in VIEWS}
    return links | {"morning": ""}


def opened(page: Page, url: str) -> None:
    """Open a page, and wait until its script has run and a chart or table of it is drawn."""
    page.goto(url)
    page.wait_for_selector(SHOWN)
    expect(page.get_by_test_id("stMain").get_by_role("heading").first).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_draws(
    rack: Path, served: str, browser: Browser, width: int, scheme: Literal["light", "dark"]
) -> None:
    """No error in the console, no request beyond this machine, nothing wider than the window."""
    errors: list[str] = []
    strangers: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.location["url"].endswith(PROBES):
            errors.append(f"{message.text} {message.location['url']}")

    def asked(request: Request) -> None:
        if not request.url.startswith((served, "data:", "blob:")):
            strangers.append(request.url)

    with closing(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)) as context:
        page = context.new_page()
        page.on("console", heard)
        page.on("request", asked)
        for view, link in addresses(rack).items():
            opened(page, f"{served}/{link}")
            assert page.get_by_test_id("stException").count() == 0, view
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{view} is {wide} pixels wider than the window"
            ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
            bright = sum(map(int, re.findall("[0-9]+", ground)[:3])) > 3 * 128
            assert bright == (scheme == "light"), view

    assert errors == []
    assert strangers == []


def test_a_person_gets_from_the_morning_to_a_trial_by_keyboard(served: str, browser: Browser) -> None:
    """Menu, evidence of an incident, its run: each is reached with Tab and opened with Enter."""
    with closing(browser.new_context(viewport={"width": 1280, "height": 900})) as context:
        page = context.new_page()
        opened(page, served)
        pressed(page, "link", "Evidence")
        expect(page.get_by_role("heading", name="Incident", exact=True)).to_be_visible()
        pressed(page, "link", "Run of the bad build")
        expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
        expect(page.get_by_text("trials", exact=False).first).to_be_visible()


def pressed(page: Page, role: Literal["link", "button"], name: str) -> None:
    """Press Tab until the element has the focus, at most a hundred times, then Enter."""
    wanted = page.get_by_role(role, name=name).first
    wanted.wait_for()
    for _ in range(100):
        if wanted.evaluate("each => each === document.activeElement || each.contains(document.activeElement)"):
            break
        page.keyboard.press("Tab")
    else:
        raise AssertionError(f"{name} was not reached with Tab")
    page.keyboard.press("Enter")
