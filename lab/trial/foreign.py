"""Launching a foreign tool, and turning its output into events.

Only its adapter knows the tool. The lab runs the adapter as a process, before the tool and after it (PROTOCOL.md,
"Foreign tools").
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import Command, Event, ForeignManifest, InvalidReason, Job, Span, canonical_json
from lab.builds.folder import MANIFEST, Build
from lab.builds.runtimes import RUNTIMES, Runtime, runtime_of
from lab.device.transport import Device
from lab.errors import RunError
from lab.islands.process import run_module
from lab.records import Cell, Flaw
from lab.trial.agent import QUIET, Launch, Outcome, trial_folder
from lab.trial.folder import EVENTS, JOB, STDERR, STDOUT, THREADS
from lab.trial.watch import cores_of, place, placed_of, watched

SETTLE = Cell("settle", {"input": "none", "prompt_tokens": 1, "parallel_tokens": 1})
"""The uncounted first trial of a session: one token reads every weight. These tools do not time `load`."""

PATIENCE_S = 60.0
"""Time limit of an adapter: it reads a few kilobytes, in less than a second."""


def launch_for(
    job: Job,
    manifest: ForeignManifest,
    build: Build,
    device: Device,
    folder: Path,
    *,
    runtimes: Sequence[Runtime] = RUNTIMES,
) -> Launch:
    """Return the launch of a foreign tool for a job whose results belong in `folder` on the host.

    The tool starts on the job's cores and is watched (`lab.trial.watch`), whatever options it is given.
    Raises `RunError` when the adapter refuses the job, and `BuildError` when `runtimes` lacks the build's runtime.
    """
    adapter = runtime_of(manifest, runtimes).adapter
    document = canonical_json(job) + b"\n"
    (folder / JOB).write_bytes(document)
    printed = _run(adapter, "prepare", "--job", folder / JOB, "--manifest", build.folder / MANIFEST)
    try:
        command = Command.model_validate_json(printed)
    except ValidationError as error:
        raise RunError(f"{adapter} prepare answered no command: {error}") from error
    return Launch(
        folder=str(folder) if device.scratch is None else trial_folder(device, job.trial),
        files={JOB: document, **{name: text.encode() for name, text in command.files.items()}},
        argv=watched(command.argv, cores_of(job)),
        environment={**device.environment, **QUIET, **command.environment},
        outputs=(STDOUT, STDERR, THREADS, *command.outputs),
    )


def parse(
    manifest: ForeignManifest,
    build: Build,
    outcome: Outcome,
    folder: Path,
    *,
    runtimes: Sequence[Runtime] = RUNTIMES,
) -> None:
    """Write the events beside the tool's output, which stays; do nothing if the lab ended the tool or lost it.

    Raises `RunError` when the adapter itself fails: for every outcome of a tool the contract has an event.
    """
    if outcome.returncode is None:
        return
    place(folder, Job.model_validate_json((folder / JOB).read_bytes()))
    arguments: list[str | Path] = ["--job", folder / JOB, "--manifest", build.folder / MANIFEST]
    for name, file in (("stdout", STDOUT), ("stderr", STDERR), ("events", EVENTS)):
        arguments += [f"--{name}", folder / file]
    _run(runtime_of(manifest, runtimes).adapter, "parse", *arguments, f"--returncode={outcome.returncode}")


def placement_flaw(folder: Path) -> Flaw | None:
    """Return that a tool was seen elsewhere than on the cores of its job, whatever it says; None if it was not."""
    seen = placed_of(folder)
    return Flaw(InvalidReason.WRONG_UNIT, seen.words) if seen.kind == "contradicted" else None


def is_unplaced(folder: Path, events: Iterable[Event]) -> bool:
    """Say whether nobody saw what a tool ran on, or its adapter could not tell."""
    spans = (event for event in events if isinstance(event, Span))
    return placed_of(folder).kind != "observed" or any(span.unit == "unknown" for span in spans)


def facts(manifest: ForeignManifest) -> dict[str, str]:
    """Return the tool's facts for a run's Context; they replace those of our own agent."""
    program = next(file for file in manifest.files if file.path == manifest.program)
    return {
        "device_agent": f"{manifest.program} {program.sha256[:12]} ({manifest.abi})",
        "device_runtime": manifest.runtime,
        "source": "parsed",
    }


def _run(adapter: str, *arguments: str | Path) -> str:
    """Run an adapter and return its standard output."""
    try:
        done = run_module(adapter, *arguments, timeout_s=PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        raise RunError(f"{adapter} {arguments[0]} did not end within {PATIENCE_S:g} s") from error
    if done.returncode != 0:
        words = _last(done.stderr.splitlines()) or f"status {done.returncode}"
        raise RunError(f"{adapter} {arguments[0]}: {words}")
    return done.stdout


def _last(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
