"""Fixtures of the report's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser_page(browser: Browser) -> Iterator[Page]:
    """Open a page of a real browser."""
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    yield page
    page.context.close()
