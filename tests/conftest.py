"""Fixtures of several tests: the tiny preset and builds of it, the command `lab` as a process, a small disk."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.both_agents import agent, native, native_bundle  # noqa: F401 - fixtures for every test
from tests.browser import browser  # noqa: F401 - a fixture for every test
from tests.farm_phones import adb_server, emulated_phone, phone, phones  # noqa: F401 - fixtures for every test
from tests.lab_process import ROOT, Lab, run_lab
from tests.phone_person import clean_phone, meet, person  # noqa: F401 - fixtures for every test
from tests.rack import rack  # noqa: F401 - fixture for every test

if TYPE_CHECKING:  # the lab's tests need no torch
    from models.mllm import Mllm
    from models.prepare import Prepared

LANES = {
    "phones": {"phones", "emulated_phone", "adb_server"},
    "exports": {"tiny_build", "tiny_builds", "native", "native_bundle", "exported", "wheel"},
    "pages": {"rack", "served"},
}
"""Fixtures that cost much, by the lane that shares them. Tests of a lane run one after the other in one
process, so that each is made once; the rest runs beside them (`pytest -n 2 --dist loadgroup`)."""

COSTLY = {"browser", "browser_page", "postgres_server", "lab"}
"""Fixtures that cost seconds too, but need no lane: a browser, a database, `lab` as a process."""


def pytest_configure() -> None:
    """Hear Ctrl-C, so that the processes which tests start do: a shell's background job ignores it.

    No time decides a property: the machines are shared.
    """
    settings.register_profile("shared machine", deadline=None)
    settings.load_profile("shared machine")
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test its lane, and the marks `phone` and `slow` to those that need a phone or what costs much."""
    for item in items:
        wanted = set(getattr(item, "fixturenames", ()))
        if "agent" in wanted and getattr(item, "callspec", None) is not None:
            wanted.add(str(item.callspec.params.get("agent", "")))  # type: ignore[attr-defined]
        lane = next((name for name, fixtures in LANES.items() if fixtures & wanted), "")
        if lane == "phones":
            item.add_marker(pytest.mark.phone)
        if lane or COSTLY & wanted:
            item.add_marker(pytest.mark.slow)
        item.add_marker(pytest.mark.xdist_group(lane or str(item.path)))


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


@pytest.fixture(scope="session")
def tiny() -> Mllm:
    """The smallest preset with the weights of seed 0."""
    from models.mllm import PRESETS, random_mllm

    return random_mllm(PRESETS["tiny"], 0)


@pytest.fixture(scope="session")
def screen(tiny: Mllm) -> Prepared:
    """The bundled screen and request, prepared for it."""
    from models.export import reference_input

    return reference_input(tiny)


@pytest.fixture(scope="session")
def tiny_builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One exported folder for each recipe."""
    from models.export import export
    from models.origins import Origin

    folder = tmp_path_factory.mktemp("builds")
    for recipe in ("fp32", "w8", "w8a8", "paper", "paper-kv8"):
        export("tiny", recipe, folder / recipe, origin=Origin())
    return {path.name: path for path in folder.iterdir()}
