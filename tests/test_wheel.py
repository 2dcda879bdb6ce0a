"""The wheel as a person installs it: into a new environment, away from the checkout, without the models' packages.

Everything is real: pip builds the wheel from a copy of this tree and installs it with its dependencies from the
package index, in the versions of requirements.lock, in a folder whose name has spaces and letters beyond ASCII.
Only the gates of `vit_batch` are opened, in a copy of the installed file: a busy machine must not fail a test.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.scenario.known import SCENARIOS
from lab.scenario.load import load
from tests.lab_process import ROOT

NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info", "build", "lab-data"
)
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
PACKAGES = ("dashboards", "device_agents", "lab", "models")
FOR_PEOPLE = {"device_agents/native/README.md"}
"""Files of the packages that nothing reads at run time."""


@dataclass(frozen=True)
class Installed:
    """An environment with pocketlab, and an empty folder beside it to work in."""

    environment: Path
    elsewhere: Path

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, away from the checkout."""
        return finished([self.environment / "bin" / program, *arguments], self.elsewhere, self.variables)

    @property
    def variables(self) -> dict[str, str]:
        """What a process gets from its environment: nothing that leads to the checkout."""
        others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        lock = str(self.elsewhere / "lock")
        return {**others, "PATH": os.defpath, "POCKETLAB_DATA": "data", "POCKETLAB_LOCK": lock, "COLUMNS": "100"}


def finished(
    argv: Sequence[str | Path], folder: Path, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder until it ends."""
    return subprocess.run(
        list(map(str, argv)), cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=600
    )


def worked(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed; it must have worked."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the tree: pip leaves files where it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=NOT_SOURCE)
    worked(finished([*PIP, "wheel", "-q", "--no-deps", "--wheel-dir", folder, folder / "tree"], folder))
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    """Install the wheel with its dependencies in a new environment."""
    folder = tmp_path_factory.mktemp("ein Labor für später")
    worked(finished([sys.executable, "-m", "venv", "--without-pip", "environment"], folder))
    python = folder / "environment/bin/python"
    pip = [*PIP, "--python", str(python), "install", "--no-compile", "-q"]
    pins = re.findall(r"^\S+==\S+", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    (folder / "pins.txt").write_text("\n".join(pins), encoding="utf-8")  # of a wheel made here pip has no hash
    worked(finished([*pip, "-c", folder / "pins.txt", wheel], folder))
    (folder / "elsewhere").mkdir()
    return Installed(folder / "environment", folder / "elsewhere")


def test_the_wheel_has_the_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    """No `tests` and no `scenarios` at the top of site-packages; the scenarios are data of the lab."""
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    source = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    bundled = {f"lab/scenario/bundled/{path.name}" for path in (ROOT / "scenarios").iterdir()}
    assert {"null.toml", "quick.toml", "published.toml"} <= {Path(name).name for name in bundled}
    assert files == (source - FOR_PEOPLE) | bundled


def test_an_installed_lab_measures_a_build_that_was_made_elsewhere(installed: Installed, tiny_build: Path) -> None:
    """Doctor, builds, a scenario, its published figures and its page, with no torch."""
    missing = "import importlib.util as u; print([u.find_spec(m) for m in ('torch', 'onnx', 'onnx_ir')])"
    assert worked(installed.run("python", "-c", missing)) == "[None, None, None]\n"

    before = installed.run("lab", "doctor")
    assert before.returncode == 2
    assert "missing  a build to measure: 0  ->  `python -m models.export nano --recipe paper" in before.stdout
    assert "warning  package torch: missing  ->  `pip install 'pocketlab[models]'` (only making" in before.stdout
    assert "`python -m device_agents.native.build --abi arm64 --out data/agents/arm64`" in before.stdout
    assert not re.search(r"\bmake\s+[a-z-]+", before.stdout), before.stdout
    assert before.stderr == ""

    worked(installed.run("lab", "builds", "add", tiny_build, "--line", "tiny"))
    assert "ok       a build to measure: 1\n" in worked(installed.run("lab", "doctor"))

    answer = worked(installed.run("lab", "run", "null", "--build", "tiny"))
    assert load(SCENARIOS / "null.toml").question in answer
    assert "null on host, build tiny" in answer

    (bundled,) = installed.environment.glob("lib/python*/site-packages/lab/scenario/bundled/vit_batch.toml")
    text = bundled.read_text(encoding="utf-8")
    anyhow = text.replace("max_gap = 0.10", 'max_gap = 0.99\ncpu_time_least = 0\nstart = "never"')
    assert anyhow != text
    (installed.elsewhere / "vit_batch.toml").write_text(anyhow, encoding="utf-8")
    answer = worked(installed.run("lab", "run", "vit_batch.toml", "--blocks", "1", "--build", "tiny"))
    assert load(SCENARIOS / "vit_batch.toml").question in answer
    assert "of 6 cells none has them" in " ".join(answer.split())
    assert "BlueLM-V-3B (arXiv 2411.10640)" in answer
    assert "vit_batch on host, build tiny" in answer
    command = next(line for line in answer.splitlines() if " show " in line).partition("   #")[0]
    worked(finished(["sh", "-c", command], installed.elsewhere, installed.variables))
    assert "<svg" in (installed.elsewhere / "report.html").read_text(encoding="utf-8")


def test_what_needs_torch_says_how_to_get_it(installed: Installed, tiny_build: Path) -> None:
    """One message and exit status 2, no traceback."""
    done = installed.run("lab", "run", "throughput", "--build", tiny_build, "--image", ROOT / "README.md")

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"lab: .*\btorch\b.*pip install .*\[models\]'.*\n", done.stderr), done.stderr


def test_what_needs_a_build_says_how_to_get_one(installed: Installed) -> None:
    """There is no Makefile to advise."""
    done = installed.run("lab", "run", "null", "--build", "nothing")

    assert done.returncode == 2
    assert "`python -m models.export nano --recipe paper --out FOLDER`" in done.stderr
    assert "make build" not in done.stderr
