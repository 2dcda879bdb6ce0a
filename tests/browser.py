"""A real browser for tests of pages; they are skipped where none starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Start the Chromium of this machine."""
    with sync_playwright() as playwright:
        path = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Exception as error:  # noqa: BLE001 - whatever keeps a browser from starting
            pytest.skip(f"no browser starts here: {str(error).splitlines()[0]}")
        yield browser
        browser.close()
