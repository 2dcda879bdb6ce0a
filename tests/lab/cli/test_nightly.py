"""`lab nightly` as a user runs it: on this machine, with a tiny build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.store import Store
from tests.lab_process import ROOT, Lab

SCENARIO = """
[scenario]
name = "short"
question = "How long does a short prefill take?"
metric = "prefill_s"
[workload]
kind = "prefill"
input = "screen"
prompt_tokens = 32
parallel_tokens = 32
[plan]
warmup = 0
iterations = 2
blocks = 3
[gates]
start = "never"
max_gap = 0.9
cpu_time_least = 0.0
"""
SUITE = """
[suite]
name = "mine"
scenarios = ["short"]
[nightly]
lines = ["tiny"]
zone = "UTC"
"""


@pytest.fixture
def suite(lab: Lab, tmp_path: Path, tiny_build: Path) -> Path:
    """Write a suite of one short scenario, and add the build that it measures."""
    (tmp_path / "short.toml").write_text(SCENARIO)
    (tmp_path / "mine.toml").write_text(SUITE)
    assert lab("builds", "add", tiny_build, "--line", "tiny").returncode == 0
    return tmp_path / "mine.toml"


def test_a_first_night_reports_in_every_format_and_is_not_repeated(lab: Lab, suite: Path, tmp_path: Path) -> None:
    """Status 0, "no history", six files; with --resume the same night is printed again, nothing is measured."""
    first = lab("nightly", "--suite", suite)
    again = lab("nightly", "--suite", suite, "--resume")
    shown = lab("nightly", "report", "--format", "junit")

    assert first.returncode == 0, first.stderr
    assert "1 series analysed" in first.stdout
    (folder,) = (tmp_path / "data/reports").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        *("report.json", "report.md", "report.html", "report.eml", "junit.xml"),
    }
    assert again.returncode == 0
    assert "is done" in again.stderr
    assert len(Store(tmp_path / "data").nights()) == 1
    assert shown.stdout.startswith("<?xml")


def test_a_night_that_was_killed_goes_on(lab: Lab, suite: Path, tmp_path: Path) -> None:
    """A real kill -9 after its first trial; what was measured is kept."""
    argv = [
        sys.executable,
        "-m",
        "lab.cli",
        "nightly",
        "--suite",
        str(suite),
        "--data",
        str(tmp_path / "data"),
    ]
    own = {**os.environ, "POCKETLAB_LOCK": str(tmp_path / "lock")}
    with subprocess.Popen(
        argv, cwd=ROOT, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not list((tmp_path / "data/runs").glob("*/trials/0001/trial.json")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    trials = len(list((tmp_path / "data/runs").glob("*/trials/*/trial.json")))
    assert [night.status for night in Store(tmp_path / "data").nights()] == ["running"]

    done = lab("nightly", "--suite", suite, "--resume")

    assert done.returncode == 0, done.stderr
    assert "Resuming the night" in done.stderr
    store = Store(tmp_path / "data")
    night = store.night("last")
    assert (night.status, night.analysed, len(store.nights())) == ("finished", 1, 1)
    (run,) = store.runs()
    assert trials <= len(store.trials(run.id)) == 3


def test_a_suite_that_is_no_nights_says_what_it_lacks(lab: Lab, tmp_path: Path) -> None:
    """The quick suite has no table [nightly]."""
    done = lab("nightly", "--suite", "quick")

    assert done.returncode == 2
    assert "has no table [nightly]" in done.stderr


def test_a_night_that_is_not_there_cannot_be_reported(lab: Lab) -> None:
    """The command that makes one is named."""
    done = lab("nightly", "report", "2026-01-01")

    assert done.returncode == 2
    assert "start one with `lab nightly" in done.stderr
