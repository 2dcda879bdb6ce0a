"""The dashboard over a year of a rack: start, first paint, filters and memory of the server.

The store is that of `dashboard_store`: 50 devices, 30 scenarios, 365 nights, 547,500 runs, ten million samples. A
page is painted when its answer stands there. Cold: the server has just started and has read nothing, and the
browser knows nothing of it; beside it stands a page of Streamlit's with one heading, below which ours cannot go.
Warm: the page again, from the menu, drawn to its end. A filter is timed from the click, or the key, to the end of
the new page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import dashboard_store
from lab.store import Store

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser")
COLD_S, WARM_S, FILTER_S, START_S, MEMORY_MB = 1.5, 0.5, 0.5, 6.0, 600
"""Claims: seconds of a first paint, of a paint again, of a filter and of the server's start, and megabytes."""

AGAIN = 5
"""Times that each figure is taken; the median counts."""

PAINTED: Mapping[str, str] = {"Morning": "", "Scenarios": "scenarios"}
"""Page -> its address. Its answer is its first heading of the third level."""

RUNNING, STILL = (f'[data-test-script-state="{state}"]' for state in ("running", "notRunning"))
"""What a page says of itself while its script runs, and afterwards."""

BLANK = "import streamlit as st\nst.subheader('nothing')\n"


def all_series(page: Page) -> None:
    """Show every series of the night, or only those that matter."""
    page.get_by_text("Only what matters").click()
    page.wait_for_selector(RUNNING)


def searched(page: Page) -> None:
    """Search the incidents."""
    box = page.get_by_role("textbox", name="Search")
    found = "1 of 10 incidents" if not box.input_value() else "10 of 10 incidents"
    box.fill("phone-03" if not box.input_value() else "")
    box.press("Enter")
    page.get_by_text(found).wait_for()


def another_device(page: Page) -> None:
    """Ask the question of another device."""
    box = page.get_by_role("combobox", name="Device")
    other = "phone-07" if box.input_value() != "phone-07" else "phone-08"
    box.click()
    page.get_by_role("option", name=other).click()
    page.get_by_text(f"on {other}, build").last.wait_for()


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
    with tempfile.TemporaryDirectory() as folder:
        (app := Path(folder) / "blank.py").write_text(BLANK)
        serve = ["streamlit", "run", str(app), "--server.address", "127.0.0.1", "--server.headless", "true"]
        blank = [*serve, "--browser.gatherUsageStats", "false", "--server.port", "0"]
        _said("a blank page of Streamlit, cold", [_cold(browser, blank, "")[0] for _ in range(AGAIN)], None)
    ours = ["dashboards", "--data", str(root), "--port", "0"]
    for name, address in PAINTED.items():
        cold, started = zip(*(_cold(browser, ours, address) for _ in range(AGAIN)), strict=True)
        starts += started
        met.append(_said(f"{name}, first paint cold", cold, COLD_S))
    met.append(_said("start of the server", starts, START_S))
    with _server(ours) as (url, _, process):
        page = browser.new_context().new_page()
        page.goto(url)
        for name in (*PAINTED, *PAINTED):  # the second round is warm
            _turned(page, name)
        for name in PAINTED:
            taken = []
            for _ in range(AGAIN):
                _turned(page, "Compare")
                taken.append(_turned(page, name))
            met.append(_said(f"{name}, warm", taken, WARM_S))
        for name, (address, act) in FILTERS.items():
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


def _cold(browser: Browser, serve: Sequence[str], address: str) -> tuple[float, float]:
    """Return the seconds of a first paint by a server that has just started, and those of its start."""
    with _server(serve) as (url, started, _):
        context = browser.new_context()
        page, began = context.new_page(), time.perf_counter()
        page.goto(f"{url}/{address}", wait_until="commit")
        page.wait_for_selector("h3")
        taken = time.perf_counter() - began
        context.close()
    return taken, started


@contextmanager
def _server(serve: Sequence[str]) -> Iterator[tuple[str, float, psutil.Process]]:
    """Start a server of pages; yield its address, the seconds until it served, and its process."""
    argv = [sys.executable, "-m", *serve]
    began = time.perf_counter()
    with subprocess.Popen(
        argv,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = next(found for each in process.stdout if (found := re.search(r"http://127[0-9.]+:[0-9]+", each)))
        try:
            yield line[0], time.perf_counter() - began, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.communicate()


def _turned(page: Page, name: str) -> float:
    """Return the seconds from a click in the menu until that page is drawn to its end."""
    began = time.perf_counter()
    page.get_by_role("link", name=name).first.click()
    page.get_by_role("heading", name=name, level=2).wait_for()
    _settled(page)
    return time.perf_counter() - began


def _filtered(page: Page, act: Callable[[Page], None]) -> float:
    """Return the seconds from an act until the page has run again and stands still."""
    began = time.perf_counter()
    act(page)
    _settled(page)
    return time.perf_counter() - began


def _settled(page: Page) -> None:
    page.wait_for_selector(STILL)


def _said(name: str, taken: Sequence[float], most: float | None) -> bool:
    found = median(taken)
    claim = f"; {_claim(found, most, 's')}" if most is not None else ""
    print(f"  {name}: {found:.2f} s ({min(taken):.2f} to {max(taken):.2f}{claim})", flush=True)
    return most is None or found < most


def _claim(found: float, most: float, unit: str) -> str:
    return f"claim: under {most:g} {unit}: {'met' if found < most else 'NOT MET'}"
