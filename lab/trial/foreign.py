"""Foreign tools through the same seam: how one is launched, and how what it printed becomes events.

What knows a tool is its adapter, run here as a process before and after (PROTOCOL.md, "Foreign tools").
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

import device_agents
from device_agents.contract import Command, ForeignManifest, Job, canonical_json
from lab.builds.folder import MANIFEST, Build
from lab.device.transport import Device
from lab.errors import RunError
from lab.records import Cell
from lab.trial.agent import QUIET, Launch, Outcome, trial_folder
from lab.trial.folder import EVENTS, JOB, STDERR, STDOUT

ADAPTERS: Mapping[str, str] = MappingProxyType({"llama.cpp": "device_agents.adapters.llama_cpp"})
"""The module that knows a runtime's tool."""

SETTLE = Cell("settle", {"input": "none", "prompt_tokens": 1, "parallel_tokens": 1})
"""The uncounted first process of a start: one token reads every weight. These tools time no `load`."""

PATIENCE_S = 60.0
"""How long an adapter may take: it reads a few kilobytes, in less than a second."""


def launch_for(job: Job, manifest: ForeignManifest, build: Build, device: Device, folder: Path) -> Launch:
    """Say how a foreign tool is started for a job whose results belong in `folder` on the host.

    Raises `RunError` when the adapter refuses.
    """
    document = canonical_json(job) + b"\n"
    (folder / JOB).write_bytes(document)
    said = _ask(manifest, "prepare", "--job", folder / JOB, "--manifest", build.folder / MANIFEST)
    try:
        command = Command.model_validate_json(said)
    except ValidationError as error:
        raise RunError(f"{ADAPTERS[manifest.runtime]} prepare answered no command: {error}") from error
    return Launch(
        folder=str(folder) if device.scratch is None else trial_folder(device, job.trial),
        files={JOB: document, **{name: text.encode() for name, text in command.files.items()}},
        argv=tuple(command.argv),
        environment={**device.environment, **QUIET, **command.environment},
        outputs=(STDOUT, STDERR, *command.outputs),
    )


def parse(manifest: ForeignManifest, build: Build, outcome: Outcome, folder: Path) -> None:
    """Write the events of what a tool printed beside it, which is kept; nothing for one the lab ended or lost.

    Raises `RunError` when the adapter fails: it has words of the contract for everything a tool can do.
    """
    if outcome.returncode is None:
        return
    given: list[str | Path] = ["--job", folder / JOB, "--manifest", build.folder / MANIFEST]
    for name, file in (("stdout", STDOUT), ("stderr", STDERR), ("events", EVENTS)):
        given += [f"--{name}", folder / file]
    _ask(manifest, "parse", *given, f"--returncode={outcome.returncode}")


def facts(manifest: ForeignManifest) -> dict[str, str]:
    """Return what a run's Context says of the tool, in place of what it says of our own agent."""
    program = next(file for file in manifest.files if file.path == manifest.program)
    return {
        "device_agent": f"{manifest.program} {program.sha256[:12]} ({manifest.abi})",
        "device_runtime": manifest.runtime,
        "source": "parsed",
    }


def _ask(manifest: ForeignManifest, *arguments: str | Path) -> str:
    """Run a runtime's adapter and return what it printed."""
    module = ADAPTERS[manifest.runtime]
    argv = [sys.executable, "-P", "-m", module, *map(str, arguments)]
    path = [str(Path(device_agents.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    try:
        done = subprocess.run(
            argv, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired as error:
        raise RunError(f"{module} {arguments[0]} did not end within {PATIENCE_S:g} s") from error
    if done.returncode != 0:
        words = _last(done.stderr.splitlines()) or f"status {done.returncode}"
        raise RunError(f"{module} {arguments[0]}: {words}")
    return done.stdout


def _last(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
