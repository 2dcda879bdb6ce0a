"""One question to a build on a device, its answer handed on as it is made. No trial: nothing is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from device_agents.contract import (
    PROTOCOL,
    Answer,
    End,
    Error,
    ErrorClass,
    EvaluateWork,
    Event,
    Graph,
    Job,
    Manifest,
)
from lab.builds.asked import Asked
from lab.builds.folder import file_of, verify
from lab.device.cores import Held
from lab.device.push import Package
from lab.device.transport import Device
from lab.errors import BuildError, DeviceLost, DeviceRefused, PrepareError, RunError
from lab.identifiers import new_run_id
from lab.islands import remedies
from lab.records import Cell
from lab.run.bench import Bench
from lab.run.recovery import abandon
from lab.trial.agent import Errand, Outcome, carry_out, launch_for
from lab.trial.folder import EVENTS, STDERR, read_events, read_or_empty
from lab.trial.job import units_and_stages
from lab.trial.metrics import samples_of
from lab.trial.stream import Stream

log = logging.getLogger(__name__)

READER = "reader-paper"
"""The line that is asked when none is named: the bundled model that was trained to read, in the paper's recipe."""

PARALLEL, PER_BATCH = 128, 4
"""Prompt tokens a call and tiles a batch: the fastest in the paper (arXiv 2411.10640, Fig. 8 and 7). A build that
lacks them uses its largest below, else its smallest."""

MOST_TOKENS = 4096
"""Longest answer that may be asked for. A judgement: its events fit what a program may print (trial/limits.py)."""

TIMEOUT_S = 1800.0
"""How long an answer may take. A judgement: half an hour, as an emulated phone may need."""

LOOK_EVERY_S = 0.1
"""How often new text is looked for: a judgement; it is about how long people take something to be at once."""

PATIENCE_S = 30.0
"""How long to wait for a device that went away while it answered: a judgement; somebody sits and waits."""


@dataclass(frozen=True)
class Reply:
    """An answer's figures: one reading each, never a measurement.

    `waited_s` is from the start of the agent's process to the first token as this machine saw it, `first_token_s`
    the device's own part of it, from image and question given, the model loaded. `cut`: the answer is longer.
    """

    tokens: int
    waited_s: float
    first_token_s: float | None
    tokens_per_s: float | None
    cut: bool


def sizes_for(manifest: Manifest) -> tuple[int, int]:
    """Return the prompt tokens a call and the tiles a batch that a build is asked with."""
    return _nearest(manifest, Graph.LLM, "tokens", PARALLEL), _nearest(manifest, Graph.VIT, "batch", PER_BATCH)


def own_manifest(bench: Bench) -> Manifest:
    """Return the build's manifest; raises `BuildError` for one that another project's tool runs."""
    manifest = bench.build.manifest
    if isinstance(manifest, Manifest):
        return manifest
    raise BuildError(
        f"build {bench.build.id[:12]}: wanted one that our agents run, found one of {manifest.runtime}'s own "
        "tool, which is given no image and prints no answer; name another with --build"
    )


def with_question(bench: Bench, asked: Asked) -> Bench:
    """Return the bench with a question to be brought to its device."""
    files = tuple(file_of(asked.folder, name) for name in asked.files)
    return replace(bench, packages=(*bench.packages, Package("inputs", asked.id, asked.folder, files)))


def answer(
    bench: Bench, held: Held, asked: Asked, folder: Path, show: Callable[[str], None], *, most_tokens: int
) -> Reply:
    """Ask a build one question in the device's turn; call `show` with each piece of text as it arrives.

    The agent's files go to `folder`. However this ends, nothing of it is left running on the device. Raises
    `DeviceLost` when the device stays away, `PrepareError` when the build cannot be asked this, and `RunError`
    when the agent fails.
    """
    manifest, device = own_manifest(bench), bench.device
    if device.scratch is None:  # elsewhere every file is hashed after it was sent
        verify(bench.build)
    job = _job(bench, manifest, asked, most_tokens)
    stream = Stream(manifest.tokenizer, show)
    begin = bench.clock.monotonic()
    first: list[float] = []

    def arrived(new: bytes) -> None:
        stream.feed(new)
        if stream.ids and not first:
            first.append(bench.clock.monotonic() - begin)

    errand = Errand(
        launch=launch_for(job, device, folder),
        transport=device.transport,
        folder=folder,
        timeout_s=TIMEOUT_S,
        clock=bench.clock,
        look_every_s=min(device.look_every_s, LOOK_EVERY_S),
        patience_s=PATIENCE_S,
        started=held.note,
        arrived=arrived,
    )
    try:
        outcome = carry_out(errand)
        whole = read_or_empty(folder / EVENTS)
        arrived(whole[stream.taken :])
        stream.finish()
    finally:
        _clean_up(device, job.trial)
    _refuse_unended(bench, outcome)
    reading = read_events(whole)
    found = _answer(bench, reading.events, outcome, folder)
    if found.tokens is None or found.tokens.ids != stream.ids:
        raise RunError(f"{device.identity.name}: the agent's answer is not what it streamed; do not trust it")
    figures = {name: values[0] for name, values in samples_of(job, reading.events).items() if values}
    return Reply(
        tokens=len(stream.ids),
        waited_s=first[0] if first else outcome.wall_s,
        first_token_s=figures.get("first_token_s"),
        tokens_per_s=figures.get("decode_tokens_per_s"),
        cut=stream.ids[-1:] != [manifest.tokenizer.end],
    )


def _job(bench: Bench, manifest: Manifest, asked: Asked, most_tokens: int) -> Job:
    device = bench.device
    units, stages = units_and_stages(Cell("ask", {}), device.identity, manifest)
    parallel, per_batch = sizes_for(manifest)
    at_home = device.scratch is None
    name = asked.document.name
    return Job(
        protocol=PROTOCOL,
        trial=f"ask-{new_run_id()}",
        build=str(bench.build.folder.absolute()) if at_home else f"{device.scratch}/builds/{bench.build.id}",
        work=EvaluateWork(
            questions=name,
            patches_per_batch=per_batch,
            pipelined=False,
            parallel_tokens=parallel,
            most_tokens=most_tokens,
            stream=True,
        ),
        warmup_iterations=0,
        iterations=1,
        units=units,
        stages=stages,
        inputs={name: str(asked.folder.absolute()) if at_home else f"{device.scratch}/inputs/{asked.id}"},
    )


def _nearest(manifest: Manifest, graph: Graph, symbol: str, wanted: int) -> int:
    offered = sorted(
        {shape[symbol] for file in manifest.graphs.get(graph, []) for shape in file.shapes if symbol in shape}
    )
    return max((size for size in offered if size <= wanted), default=min(offered, default=1))


def _clean_up(device: Device, trial: str) -> None:
    """End the agent, should it still run, and remove its files; a device that is away keeps them."""
    with suppress(DeviceLost):
        try:
            abandon(device, trial)
        except DeviceRefused as error:
            log.warning("%s: %s is left there: %s", device.identity.name, trial, error)


def _refuse_unended(bench: Bench, outcome: Outcome) -> None:
    """Raise what became of an agent that did not reach its end."""
    name = bench.device.identity.name
    if outcome.lost:
        raise DeviceLost(f"{outcome.lost}; its answer is not complete: ask again when {name} is back")
    if outcome.unreadable:
        raise RunError(f"{name}: the agent's answer cannot be read: {outcome.unreadable}")
    if outcome.timed_out:
        raise RunError(f"{name}: no end of the answer within {TIMEOUT_S:.0f} s; ask for fewer tokens")


def _answer(bench: Bench, events: Sequence[Event], outcome: Outcome, folder: Path) -> Answer:
    """Return the answer among an agent's events; raise what it says instead, or that it died."""
    name = bench.device.identity.name
    for event in events:
        if isinstance(event, Error):
            bundle, remedy = bench.device.bundle, ""
            if event.error is ErrorClass.BAD_JOB and bundle is not None:
                remedy = f"; where its agent is older than this lab: {remedies.agent(bundle.name, bundle)}"
            raise RunError(f"{name}: the agent gave up ({event.error}): {event.message}{remedy}")
    found = next((event for event in events if isinstance(event, Answer)), None)
    if found is None or outcome.returncode != 0 or not isinstance(events[-1], End):
        said = read_or_empty(folder / STDERR).decode(errors="replace").strip()[-300:]
        how = f"the agent ended with status {outcome.returncode} before its answer did"
        raise RunError(f"{name}: {how}; it printed: {said!r}")
    if found.problem is not None:
        raise PrepareError(f"{name}: {found.problem}")
    return found
