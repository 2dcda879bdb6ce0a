"""The real server of the dashboard, and a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab_process import ROOT

Serve = Callable[[Path], str]


@pytest.fixture(autouse=True)
def own_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set back after each test which data root this process shows (`tests.dashboards.pages.shown`)."""
    monkeypatch.setenv("POCKETLAB_DATA", "")


@contextmanager
def server(data: Path, *options: str) -> Iterator[str]:
    """Start the dashboard of a data root as a person does, on a free port; yield its address."""
    argv = [sys.executable, "-m", "dashboards", "--data", str(data), "--port", "0", *options]
    with subprocess.Popen(
        argv, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.communicate()  # it prints that it stops, and goes on for ever if nobody can read that


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that the server prints; it ends with the server, never waits longer than that."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:[0-9]+", line):
            return found[0]
    raise AssertionError("the server of the dashboard ended without an address")


@pytest.fixture(scope="session")
def served(rack: Path) -> Iterator[str]:
    """The address of a dashboard that shows the rack; nobody acts on its incidents."""
    with server(rack) as address:
        yield address
