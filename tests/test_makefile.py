"""The Makefile passes on what a person gives as one word each, whatever it holds."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab_process import ROOT

GIVEN = ["/tmp/my data", "/tmp/it's mine", '/tmp/"quoted" & more', "/tmp/plain", "/tmp/a;b|c>d*?~`e`"]
GIVEN += ["/tmp/$(info x)$$(y)${HOME}$"]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def words(folder: Path, verb: str, **given: str) -> list[str]:
    """Return the words of the shell that `make VERB` would run; nothing is run, and nothing need be set up."""
    (folder / ".ready").touch()
    argv = ["make", "--no-print-directory", "-n", verb, f"VENV={folder}"]
    argv += [f"{name}={value}" for name, value in given.items()]
    plain = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(argv, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    return shlex.split(done.stdout.replace("\\\n", " "))


@pytest.mark.parametrize("given", GIVEN)
def test_a_path_stays_one_word(tmp_path: Path, given: str) -> None:
    """With spaces, quotes, apostrophes and whatever else a shell reads."""
    agent = words(tmp_path, "agent", DATA=given, NDK=given, ORT_AAR=given)
    farm = words(tmp_path, "farm-up", DATA=given, NETWORK=given)
    run = words(tmp_path, "run-scenario", SCENARIO=given, DEVICE=given, BUILD=given, SUITE=given)
    check = words(tmp_path, "selfcheck", DEVICE=given, BUILD=given, BUDGET=given)

    assert agent[agent.index("--out") + 1] == f"{given}/agents/x86_64"
    assert agent[agent.index("--ndk") + 1] == agent[agent.index("--ort-aar") + 1] == given
    assert f"{given}/agents/x86_64/bundle.json" in farm
    assert farm[farm.index("--network") + 1] == given
    assert run[-7:] == [given, "--suite", given, "--build", given, "--device", given]
    assert check[-6:] == ["--build", given, "--device", given, "--budget", given]


def test_what_is_not_given_is_no_word(tmp_path: Path) -> None:
    """The verbs' defaults."""
    agent, run = words(tmp_path, "agent"), words(tmp_path, "run-scenario")

    assert agent[-4:] == ["--abi", "x86_64", "--out", "lab-data/agents/x86_64"]
    assert run[-6:] == ["--suite", "quick", "--build", "nano-paper", "--device", "host"]


def test_the_study_needs_no_build(tmp_path: Path) -> None:
    """It is computed; its page lies with the results."""
    run = words(tmp_path, "run-scenario", SCENARIO="resolution_study", DATA="/tmp/my data")

    assert run[-4:] == [f"{tmp_path}/bin/lab", "study", "--html", "/tmp/my data/resolution_study.html"]
    assert "models.export" not in run
