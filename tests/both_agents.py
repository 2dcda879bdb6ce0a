"""The two agents for tests that both must pass: the reference, and the native one built from this tree.

The native agent is built once for each state of its sources and kept in the cache folder; where it cannot be built
(no ziglang, no apt) its tests skip and say so.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from device_agents.contract import Event, parse_event
from device_agents.debian import DebianError, cache_folder
from device_agents.native.build import SOURCES, build
from tests.lab_process import ROOT


@dataclass(frozen=True)
class Answer:
    """What an agent did with a job: exit code, the events file, and its words on stderr."""

    returncode: int
    raw: bytes
    stderr: str

    @property
    def events(self) -> list[Event]:
        """The events, each checked against the contract."""
        return [parse_event.validate_json(line) for line in self.raw.splitlines()]


@dataclass(frozen=True)
class Agent:
    """One of the two; `command` starts it as the lab does."""

    name: str
    command: tuple[str, ...]

    def start(self, job: Path, events: Path) -> subprocess.Popen[str]:
        """Start it as a process of its own."""
        argv = [*self.command, "run", "--job", str(job), "--events", str(events)]
        return subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)

    def run(self, job: Mapping[str, object] | bytes, folder: Path, timeout_s: float = 120) -> Answer:
        """Do a job. The reference does it inside this process, which saves starting Python 60 times."""
        path, events = folder / "job.json", folder / "events.jsonl"
        path.write_bytes(job if isinstance(job, bytes) else json.dumps(job).encode())
        if self.name == "reference":
            returncode, raw, stderr = _inside(path)
        else:
            process = self.start(path, events)
            stderr = process.communicate(timeout=timeout_s)[1]
            returncode, raw = process.returncode, events.read_bytes()
        return Answer(returncode, raw, stderr)


REFERENCE = Agent("reference", (sys.executable, "-m", "device_agents.reference"))


def started_from(folder: Path) -> Agent:
    """Return the native agent as started from a bundle's folder."""
    argv = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))["argv"]
    return Agent("native", tuple(word.replace("{folder}", str(folder)) for word in argv))


@pytest.fixture(scope="session")
def native_bundle() -> Path:
    """Return the x86_64 bundle of this tree's native agent, built unless the cache has it."""
    if os.uname().machine != "x86_64":
        pytest.skip("the native agent's bundle for x86_64 runs on x86_64 only")
    return bundle_of("x86_64")


def bundle_of(abi: str) -> Path:
    """Build a bundle, or take it from the cache; skips, in words, where it cannot be built."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the native agent is compiled with ziglang, which is not installed: make setup")
    sources = [*sorted(SOURCES.glob("*.cpp")), *sorted(SOURCES.glob("*.h")), SOURCES / "build.py"]
    inputs = [*(path.read_bytes() for path in sources), metadata.version("onnxruntime").encode()]
    state = hashlib.sha256(b"".join(inputs))
    folder = cache_folder() / "bundles" / f"{abi}-{state.hexdigest()[:16]}"
    if not folder.exists():
        try:
            build(abi, folder, cache=cache_folder())
        except DebianError as error:
            pytest.skip(f"the native agent cannot be built here: {error}")
    return folder


@pytest.fixture(scope="session")
def native(native_bundle: Path) -> Agent:
    """The native agent."""
    return started_from(native_bundle)


@pytest.fixture(params=["reference", "native"])
def agent(request: pytest.FixtureRequest) -> Agent:
    """Each of the two agents in turn."""
    if request.param == "reference":
        return REFERENCE
    found: Agent = request.getfixturevalue("native")
    return found


def _inside(job: Path) -> tuple[int, bytes, str]:
    """Run the reference agent's session in this process, and give the process its cores back."""
    from device_agents.reference.session import run_job

    cores, stream, words = os.sched_getaffinity(0), io.BytesIO(), io.StringIO()
    try:
        with contextlib.redirect_stderr(words):
            returncode = run_job(job, stream)
    finally:
        os.sched_setaffinity(0, cores)
    return returncode, stream.getvalue(), words.getvalue()
