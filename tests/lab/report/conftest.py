"""Fixtures of the report's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser import a_browser


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    """Open a page of a real browser."""
    with a_browser() as browser:
        yield browser.new_page(viewport={"width": 1100, "height": 900})
