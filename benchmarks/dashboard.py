"""The dashboard over a year of a rack: start, first paint, filters and memory of the server.

The store is that of `dashboard_store`: 50 devices, 30 scenarios, 365 nights, 547,500 runs, ten million samples. A
page is painted when its answer stands there. Cold: the server has just started, and the browser knows nothing of
it. Warm: the page again, in another tab of the same browser. A filter is timed from the click, or the key, to the
new answer.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks import dashboard_store
from lab.store import Store

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser")
COLD_S, WARM_S, FILTER_S, START_S, MEMORY_MB = 1.5, 0.5, 0.5, 6.0, 600
"""Claims: seconds of a first paint, of a paint again, of a filter and of the server's start, and megabytes."""

AGAIN = 5
"""Times that each figure is taken; the median counts."""

PAINTED: Mapping[str, tuple[str, str]] = {"Morning": ("", "h3"), "Scenarios": ("scenarios", "h3")}
"""Page -> its address, and the element that stands there once its answer does."""


def all_series(page: Page) -> None:
    """Show every series of the night, or only those that matter."""
    page.get_by_text("Only what matters").click()


def searched(page: Page) -> None:
    """Search the incidents."""
    box = page.get_by_label("Search")
    box.fill("phone-03" if not box.input_value() else "")
    box.press("Enter")


def another_device(page: Page) -> None:
    """Ask the question of the next device."""
    box = page.get_by_role("combobox").nth(1)
    box.click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


FILTERS: Mapping[str, tuple[str, Callable[[Page], None]]] = {
    "Morning, all series": ("", all_series),
    "Incidents, search": ("incidents", searched),
    "Scenarios, another device": ("scenarios", another_device),
}
"""A filter -> the address of its page, and what a person does."""


def run(build: Path) -> bool:
    """Measure on a store of its own, print the figures, and return whether every claim holds.

    POCKETLAB_YEAR may name a folder that keeps the store between two calls: filling it takes minutes.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(os.environ.get("POCKETLAB_YEAR") or folder) / "data"
        if not root.exists():
            dashboard_store.fill(root)
        Store(root).runs(1)  # an index that is behind catches up once, not in the figures
        path = next((each for each in CHROMIUM if Path(each).exists()), None)
        with sync_playwright() as playwright:
            return _measured(root, playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]))


def _measured(root: Path, browser: Browser) -> bool:
    starts: list[float] = []
    met = []
    for name, (address, painted) in PAINTED.items():
        cold, warm = [], []
        for _ in range(AGAIN):
            with _server(root) as (url, started, _server_of):
                starts.append(started)
                context = browser.new_context()
                cold.append(_paint(context, f"{url}/{address}", painted))
                warm.append(_paint(context, f"{url}/{address}", painted))
                context.close()
        met += [_said(f"{name}, first paint cold", cold, COLD_S), _said(f"{name}, warm", warm, WARM_S)]
    met.append(_said("start of the server", starts, START_S))
    with _server(root) as (url, _, process):
        for name, (address, act) in FILTERS.items():
            page = browser.new_context().new_page()
            page.goto(f"{url}/{address}")
            _settled(page)
            met.append(_said(name, [_filtered(page, act) for _ in range(AGAIN + 1)][1:], FILTER_S))
        for address in ("explore", "compare", "devices", "quality", "run"):
            page.goto(f"{url}/{address}")
            _settled(page)
        used = process.memory_info().rss / 1e6
    met.append(used < MEMORY_MB)
    print(f"  memory of the server after all pages: {used:.0f} MB ({_claim(used, MEMORY_MB, 'MB')})")
    return all(met)


@contextmanager
def _server(root: Path) -> Iterator[tuple[str, float, psutil.Process]]:
    """Start the dashboard; yield its address, the seconds until it answered, and its process."""
    argv = [sys.executable, "-m", "dashboards", "--data", str(root), "--port", "0"]
    began = time.perf_counter()
    with subprocess.Popen(
        argv, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = next(found for each in process.stdout if (found := re.search(r"http://127[0-9.]+:[0-9]+", each)))
        try:
            yield line[0], time.perf_counter() - began, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.communicate()


def _paint(context: BrowserContext, url: str, painted: str) -> float:
    """Return the seconds from asking for a page until its answer stands there."""
    page, began = context.new_page(), time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(painted)
    return time.perf_counter() - began


def _filtered(page: Page, act: Callable[[Page], None]) -> float:
    """Return the seconds from an act until the page has run again and stands still."""
    began = time.perf_counter()
    act(page)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="running"]')
    _settled(page)
    return time.perf_counter() - began


def _settled(page: Page) -> None:
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


def _said(name: str, taken: list[float], most: float) -> bool:
    found = median(taken)
    print(
        f"  {name}: {found:.2f} s ({min(taken):.2f} to {max(taken):.2f}; {_claim(found, most, 's')})", flush=True
    )
    return found < most


def _claim(found: float, most: float, unit: str) -> str:
    return f"claim: under {most:g} {unit}: {'met' if found < most else 'NOT MET'}"
