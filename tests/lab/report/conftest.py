"""Fixtures of the report's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    """Open a page of a real browser."""
    with sync_playwright() as playwright:
        path = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Exception as error:  # noqa: BLE001 - whatever keeps a browser from starting
            pytest.skip(f"no browser starts here: {str(error).splitlines()[0]}")
        yield browser.new_page(viewport={"width": 1100, "height": 900})
        browser.close()
