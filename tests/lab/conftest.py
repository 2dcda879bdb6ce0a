"""What several tests of the lab need: a real build, and the command `lab` as a process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_process import ROOT, Lab, run_lab


@pytest.fixture(scope="session")
def tiny_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export the tiny preset in fp32, as a process: the lab imports no models. Tests copy it to alter it."""
    folder = tmp_path_factory.mktemp("tiny") / "build"
    argv = [sys.executable, "-m", "models.export", "tiny", "--recipe", "fp32", "--out", str(folder)]
    subprocess.run(argv, cwd=ROOT, capture_output=True, check=True)
    return folder


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Run `lab` as a person does, on a data root and a lock of its own."""

    def call(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_lab(tmp_path, arguments, variables=variables)

    return call


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Mount a few megabytes of memory as a disk, gone again whatever happens to the test.

    It lies outside pytest's own folder: what a killed session leaves mounted there would disturb the next.
    """
    folder = Path(tempfile.mkdtemp(prefix="pocketlab-small-disk-"))
    mount = shutil.which("mount")
    argv = [mount or "", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        folder.rmdir()
        pytest.skip("a full disk is made with a small tmpfs, which only root may mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()
