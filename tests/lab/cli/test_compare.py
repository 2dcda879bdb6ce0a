"""The command `lab compare` on this machine with real processes: exit statuses, a cut, and a real handicap."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.builds.folder import open_build
from lab.cli import compare as command
from lab.cli import work
from lab.compare.acceptance import Reference, key_of, remember
from lab.compare.comparison import Side, measure, open_comparison
from lab.device import local
from lab.errors import RunError
from lab.identifiers import now_utc
from lab.records import Inject
from lab.report.verdict.page import render_verdict_page
from lab.report.verdict.view import view
from lab.run.bench import Bench, boot_of
from lab.scenario.load import load
from lab.store import Store
from tests.fake_lab import uncontested
from tests.lab.compare.compare_lab import Lab as TwoBuilds
from tests.lab_process import ROOT, Lab

TOML = """
[scenario]
name = "short"
question = "How long does a short prefill take?"
metric = "prefill_s"
[workload]
kind = "prefill"
prompt_tokens = 128
parallel_tokens = 32
[plan]
warmup = 1
iterations = 5
timeout_s = 60
[gates]
max_gap = 0.99
cpu_time_least = 0
start = "never"
throttling = "keep"
"""


def bench_of(store: Store, build: Path) -> Bench:
    """Return this machine as the command has it, without its sensors."""
    return Bench(local.connect(), open_build(build), store, local.SystemClock(), uncontested, profile="observe")


@pytest.fixture
def accepted(tmp_path: Path, tiny_build: Path) -> Path:
    """Have this machine accepted for the tiny build, however busy it is, and return a scenario."""
    store = Store(tmp_path / "data")
    bench = bench_of(store, tiny_build)
    known = Reference(
        device="host", build=bench.build.id, median_s=1.0, accepted_utc=now_utc(), boot=boot_of(bench)
    )
    remember(bench, key_of(bench), known)
    store.close()
    scenario = tmp_path / "short.toml"
    scenario.write_text(TOML)
    return scenario


def test_a_comparison_of_a_build_with_itself(lab: Lab, tmp_path: Path, tiny_build: Path, accepted: Path) -> None:
    """A budget for few pairs ends without a verdict and with status 0; the page holds what was printed."""
    page = tmp_path / "verdict.html"

    notes = tmp_path / "verdict.md"
    options = ("--scenario", accepted, "--budget", "3", "--html", page, "--markdown", notes)
    done = lab("compare", tiny_build, tiny_build, *options)

    assert done.returncode == 0, done.stderr
    assert "cannot tell" in done.stdout
    words = " ".join(done.stdout.split())
    assert "Top-1 agreement with fp32, stated by the manifests and not measured here: " in words
    assert "Whether the machine was busy is unknown" in words or "counted trial" in words
    assert re.search(r"short: .* after \d pairs?, no verdict yet; \d.* s of 3 s left", done.stderr), "time left"
    assert "Is tiny-fp32 (B) better or worse than tiny-fp32 (A) for prefill?" in words
    assert "needed" in notes.read_text()
    assert "Baseline: " in done.stdout
    assert "How often verdicts on host are wrong is unknown; to find out: `lab selfcheck" in " ".join(
        done.stdout.split()
    )
    assert "<svg" in page.read_text()
    (saved,) = (tmp_path / "data/comparisons").glob("*.json")
    again = lab("compare", "--resume", saved.stem)
    assert (again.returncode, "cannot tell" in again.stdout) == (0, True)
    assert "there is no comparison to resume" in lab("compare", "--resume").stderr
    refused = lab("run", "--resume")
    assert "no unfinished run" in refused.stderr


def test_kill_9_costs_the_trial_in_flight(lab: Lab, tmp_path: Path, tiny_build: Path, accepted: Path) -> None:
    """What was saved is the same afterwards, and the comparison goes on behind it."""
    build = str(tiny_build)
    argv = [sys.executable, "-m", "lab.cli", "compare", build, build, "--scenario", str(accepted)]
    environment = {
        **os.environ,
        "POCKETLAB_DATA": str(tmp_path / "data"),
        "POCKETLAB_LOCK": str(tmp_path / "lock"),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [*argv, "--budget", "12"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    saved: list[Path] = []
    for _ in range(600):
        saved = list((tmp_path / "data/runs").glob("*/trials/0001/trial.json"))
        if saved or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert saved, errors.decode()
    kept = saved[0].read_bytes()

    done = lab("compare", "--resume", "--build", tiny_build)

    assert done.returncode != 2, done.stderr
    assert saved[0].read_bytes() == kept
    (comparison,) = (tmp_path / "data/comparisons").glob("*.json")
    assert json.loads(comparison.read_text())["comparison"]["status"] == "finished"


def test_a_real_slow_down_is_found_and_fails(tmp_path: Path, tiny_build: Path, accepted: Path) -> None:
    """The reference agent does the prefill's work twice as slowly on one side, as it was asked to."""
    store = Store(tmp_path / "data")
    bench = bench_of(store, tiny_build)
    alike = Side(load(accepted), bench, "tiny")
    slowed = Side(load(accepted), bench, "tiny", Inject("prefill", 3.0))
    comparison, ours_run, theirs_run = open_comparison(
        baseline=alike, candidate=slowed, dimension="build", seed=1, budget_s=1e6
    )

    list(measure(comparison, alike, slowed))

    found = store.comparison(comparison.id)
    trials = [store.trials(run.id) for run in (ours_run, theirs_run)]
    told = view(found, (ours_run, trials[0]), (theirs_run, trials[1]))
    assert found.cells[0].verdict == "regressed"
    assert told.fails == ("short",)
    assert "with prefill slowed by 200 %" in " ".join(told.facts)
    assert "<circle" in render_verdict_page(told, *trials)
    store.close()


def test_a_refused_comparison_is_printed_and_written_and_its_error_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A phone that drifts judges nothing: stdout and the page have the cause, the error says where it stands."""
    lab, page = TwoBuilds(tmp_path), tmp_path / "verdict.html"
    lab.phone.stage_s = lambda job: 0.01 * 1.1 ** int(job.trial[-4:])
    monkeypatch.setattr(command, "opened", lambda data: lab.store)
    monkeypatch.setattr(command, "sides_of", lambda *wanted: lab.sides())
    monkeypatch.setattr(work, "_pushing", lambda bench, *shown: bench)

    with pytest.raises(RunError) as refused:
        command.compare("a", "b", scenario="vit_batch", data=lab.store.root, html=page)

    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count("fake may not judge builds: wanted the mean of 5 tries") == 1
    assert "No verdict: fake may not judge builds" in shown and "No verdict: fake may" in page.read_text()
    first, resume = str(refused.value).splitlines()
    assert first.startswith("the comparison ended early: why stands above, and `lab show ")
    assert resume.startswith("To resume the comparison: ")
    lab.store.close()


def test_defaults_that_can_be_refused_are_named_in_help(lab: Lab) -> None:
    """An option that was left out is not one that was given its default."""
    words = " ".join(lab("compare", "--help").stdout.replace("│", " ").split())

    assert all(f"[default: {default}]" in words for default in ("host", "build", "1800", "observe"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare",), "wanted what to compare"),
        (("compare", "a", "b"), "wanted a scenario to measure: --scenario NAME"),
        (("compare", "--resume"), "there is no comparison to resume"),
        (("compare", "--resume", "0193"), "no comparison has an id that begins '0193'"),
        (
            ("compare", "--resume", "--budget", "5", "--device", "p", "--differs", "device", "--profile", "fixed"),
            "leave --differs, --device, --budget, --profile out",
        ),
        (("compare", "--runs", "a", "b", "--budget", "5", "--resume"), "leave --resume, --budget out"),
        (("compare", "--runs", "a", "b"), "no run has an id that begins 'a'"),
        (("compare", "a", "--runs", "a", "b"), "leave A out"),
        (("compare", "a", "b", "--scenario", "vit_batch", "--build", "c"), "leave --build out"),
        (
            ("compare", "x=1", "x=2", "--scenario", "vit_batch", "--differs", "parameter"),
            "cells: patches_per_batch=1",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(lab: Lab, arguments: tuple[str, ...], words: str) -> None:
    """Status 2, and nothing on stdout."""
    done = lab(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in " ".join(done.stderr.replace("│", " ").split())
