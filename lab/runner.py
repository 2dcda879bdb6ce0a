"""The one place that knows the order of things: lease, build, push, settle, blocks, trials.

Before the first trial of every start (a resumed run included) one agent process opens and closes every
graph, and is not counted: a first process measures the disk (cactus-compute/cactus, pull request 698).
Its raw lines stay in the run's folder as trial 0. On a device that can go away, what a lab that was
killed had begun there is collected first, and a reboot is followed by lease, push and settling anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from device_agents.contract import ForeignManifest, Input, InvalidReason, Job, content_id
from lab import foreign, jobs
from lab.agent import (
    EVENTS,
    PATIENCE_S,
    STDERR,
    Errand,
    Launch,
    Outcome,
    carry_out,
    collect,
    launch_for,
    read_events,
    trial_folder,
)
from lab.build import Build, load_input, verify
from lab.device.transport import Clock, Device
from lab.device.turn import Held
from lab.errors import DeviceFull, DeviceLost, DeviceRebooted, LabError, RunError
from lab.files import disk_errors
from lab.identifiers import new_run_id
from lab.inputs import OwnInput
from lab.inputs import check as check_input
from lab.judge import judge
from lab.metrics import samples_of
from lab.records import Cell, Context, Run, Trial
from lab.scenario import Scenario
from lab.store import Store

log = logging.getLogger(__name__)

SETTLE = Cell("settle", {"placement": "all"})
"""The uncounted first process of a start: the `load` workload on every core."""

TIDY_S = 20.0
"""How long removing a trial's folder may take; a judgement: it holds a few small files."""

GONE = {InvalidReason.DEVICE_LOST, InvalidReason.DEVICE_REBOOTED}
"""After these nothing that was true of the device need be true still."""

PASSING = {InvalidReason.DEVICE_REBOOTED, InvalidReason.SHARED_HOST}
"""What happened to a trial with these says nothing about the next one."""

REBOOTS = 3
"""How often a device may reboot while it is made ready, before it is given up; as health.PATIENCE."""

FULL_BYTES = 64 * 1024
"""With less than this free a disk is full: a judgement, it is less than a trial of a second writes."""

TURN = "turn"
"""The file in a trial's folder that says in which of the machine's turns it was begun."""


@dataclass(frozen=True)
class Bench:
    """What a run is measured with; `lease` gives the device's turn and must be held all along.

    `own_inputs` are the user's own by name; one of the build's that has the same name is not used.
    `present` brings build, inputs and agent to the device as far as it lacks them; on the host they lie there.
    """

    device: Device
    build: Build
    store: Store
    clock: Clock
    lease: Callable[[], AbstractContextManager[Held]]
    own_inputs: Mapping[str, OwnInput] = field(default_factory=dict)
    present: Callable[[Held], None] = lambda held: None


@dataclass(frozen=True)
class Place:
    """Where a trial stands in a run: `number` counts from 1 through all blocks, `block` from 0."""

    number: int
    block: int
    cell: Cell


@dataclass(frozen=True)
class Progress:
    """What is being measured now: `iterations` are those the agent has finished, warm-up included."""

    place: Place
    total: int
    iterations: int


Watch = Callable[[Progress], None]


def order(record: Run) -> list[Place]:
    """Return every trial of a run in its order: one of each cell a block, shuffled by (seed, block).

    Each block has its own generator, so that a resumed run goes on exactly as the interrupted one would.
    """
    places: list[Place] = []
    for block in range(record.blocks):
        cells = list(record.cells)
        random.Random(f"{record.seed}/{block}").shuffle(cells)
        places += [Place(len(places) + 1 + i, block, cell) for i, cell in enumerate(cells)]
    return places


def open_run(scenario: Scenario, bench: Bench, *, seed: int, suite: str, line: str) -> Run:
    """Check that every cell can be measured, then write the run down; nothing is measured yet."""
    inputs = inputs_of(scenario.cells, bench)
    record = Run(
        id=new_run_id(),
        scenario=scenario.name,
        suite=suite,
        build=bench.build.id,
        build_line=line,
        device=bench.device.identity.name,
        started_utc=bench.clock.utc(),
        ended_utc=None,
        status="running",
        seed=seed,
        blocks=scenario.plan.blocks,
        context=context_of(scenario, scenario.cells, bench, inputs),
        cells=scenario.cells,
        scenario_toml=scenario.toml,
    )
    for cell in scenario.cells:
        _job(record.id, Place(0, 0, cell), scenario, bench, inputs)
    bench.store.create_run(record)
    return record


def reopen(record: Run, scenario: Scenario, bench: Bench) -> None:
    """Refuse to go on with a run whose surroundings have changed: raises `RunError` saying what differs."""
    if (name := bench.device.identity.name) != record.device:  # two phones of one model have equal Contexts
        raise RunError(
            f"run {record.id} cannot go on: it was begun on {record.device}, and what answers to that now calls "
            f"itself {name}. Attach the first one, or start a new run"
        )
    now = context_of(scenario, record.cells, bench, inputs_of(record.cells, bench))
    if changed := record.context.differs_from(now):
        words = "; ".join(f"{name} was {was}, is {now}" for name, (was, now) in changed.items())
        raise RunError(f"run {record.id} cannot go on, its trials could not be compared: {words}. Start a new run")


def context_of(scenario: Scenario, cells: Sequence[Cell], bench: Bench, inputs: Mapping[str, Input]) -> Context:
    """Return everything that must agree before a run may be compared with another.

    `cells` is a digest of what is measured, so that two files of one name are not taken for one scenario;
    thread placement is part of it. No profile of device care is applied yet.
    """
    identity, manifest = bench.device.identity, bench.build.manifest
    measured = [scenario.kind, scenario.gates.max_gap, [[c.key, sorted(c.parameters.items())] for c in cells]]
    return Context(
        {
            **{f"device_{name}": value for name, value in bench.device.facts.items()},
            "device_kind": identity.kind,
            "device_model": identity.model,
            "device_fingerprint": identity.fingerprint,
            "scenario": scenario.name,
            "cells": hashlib.sha256(json.dumps(measured).encode()).hexdigest()[:16],
            "profile": "none",
            "build": bench.build.id,
            "warmup": str(scenario.plan.warmup),
            "iterations": str(scenario.plan.iterations),
            **(foreign.facts(manifest) if isinstance(manifest, ForeignManifest) else {}),
            **{f"input_{name}": content_id(document) for name, document in inputs.items()},
        }
    )


def inputs_of(cells: tuple[Cell, ...], bench: Bench) -> dict[str, Input]:
    """Return the inputs the cells name, as far as they are the user's own or the build has them."""
    named = {str(cell.parameters["input"]) for cell in cells if "input" in cell.parameters}
    own = {name: given.document for name, given in bench.own_inputs.items() if name in named}
    brought = sorted(named & set(bench.build.inputs) - set(own))
    return own | {name: load_input(bench.build, name) for name in brought}


def run(
    record: Run, scenario: Scenario, bench: Bench, *, watch: Watch = lambda progress: None
) -> Generator[Trial, None, None]:
    """Measure the trials that `record` still lacks, saving and yielding each; new and resumed runs alike.

    Left early (Ctrl-C, a closed generator) the agent is ended and the run marked `interrupted`, as it is
    when the device stays away; after another error it is `failed`. Raises `RunError` when no trial of the
    first block was valid.
    """
    status: Literal["finished", "interrupted", "failed"] = "failed"
    with _turn_of(bench, record) as held:
        try:
            verify(bench.build)
            for own in bench.own_inputs.values():
                check_input(own)
            turn = _Turn(record, scenario, bench, inputs_of(record.cells, bench), held, watch)
            done = {trial.number: trial for trial in bench.store.trials(record.id)}
            left: list[str] = []  # on the device, because it was away
            for number in [number for number, trial in done.items() if trial.reason is InvalidReason.DEVICE_LOST]:
                _end(bench.device, _trial_name(record.id, number))
            for trial in _trials(turn, [place for place in order(record) if place.number not in done]):
                bench.store.save_trial(record.id, trial)
                name = _trial_name(record.id, trial.number)
                if trial.reason is InvalidReason.DEVICE_LOST or not _tidy(bench.device, name):
                    left.append(name)
                done[trial.number] = trial
                yield trial
                _stop_if_hopeless(record, done)
            for name in left:
                _tidy(bench.device, name)
            status = "finished"
        except (KeyboardInterrupt, GeneratorExit, DeviceLost):
            status = "interrupted"
            raise
        finally:
            _finish(bench.store, record, status)


def _trials(turn: _Turn, missing: Sequence[Place]) -> Iterator[Trial]:
    """Measure each place: first what is on the device already, then, from a known state, the rest."""
    if missing and (left := _collected(turn, missing[0])) is not None:
        yield left
        missing = missing[1:]
    ready = False
    for place in missing:
        if not ready:
            _make_ready(turn)
        trial = _measure(turn, place)
        ready = trial.reason not in GONE
        full = _full_disk(turn.bench.device) if trial.reason is InvalidReason.AGENT_DIED else ""
        if full:  # an agent that cannot write cannot say so either
            trial = replace(trial, detail=f"{trial.detail}; {full}")
        yield trial
        if full:
            raise DeviceFull(f"{full}; trial {trial.number} could not be written. Free some on it, then run again")
        if trial.reason is InvalidReason.DEVICE_LOST:
            bring_back(turn.bench.device, turn.held)
            _end(turn.bench.device, _trial_name(turn.record.id, place.number))
        elif trial.reason is InvalidReason.DEVICE_REBOOTED:
            turn.held.again()


def _make_ready(turn: _Turn) -> None:
    """Bring build, inputs and agent to the device, as far as it lacks them, and settle; in one boot."""
    for _ in range(REBOOTS):
        turn.bench.present(turn.held)
        if not (outcome := _settle(turn)).rebooted:
            return
        log.warning("%s; beginning again", outcome.lost)
        turn.held.again()
    raise DeviceLost(f"{turn.bench.device.identity.name}: rebooted {REBOOTS} times before its first trial")


def _tidy(device: Device, trial: str) -> bool:
    """Remove what a trial left on the device, as it is saved here; say whether that could be done."""
    if device.scratch is None:
        return True
    try:
        device.transport.shell(["rm", "-rf", trial_folder(device, trial)], timeout_s=TIDY_S)
    except DeviceLost as error:
        log.info("%s; %s stays on the device until the run has ended", error, trial)
        return False
    return True


def _end(device: Device, trial: str) -> None:
    """End the agent of a trial that was lost: it went on without us, and would run beside the next one."""
    if device.scratch is not None and (process := device.transport.find(trial_folder(device, trial))) is not None:
        device.transport.kill(process)


def bring_back(device: Device, held: Held) -> None:
    """Wait for a device that was lost; it may come back in another boot. Raises `DeviceLost`."""
    try:
        device.transport.reconnect(timeout_s=PATIENCE_S)
    except DeviceRebooted:
        held.again()


@contextmanager
def _turn_of(bench: Bench, record: Run) -> Iterator[Held]:
    """Hold the device's turn; a run that never got one, and has no trial, is marked interrupted."""
    held = False
    try:
        with bench.lease() as lease:
            held = True
            yield lease
    except LabError:
        if not held and not bench.store.trials(record.id):
            _finish(bench.store, record, "interrupted")
        raise


@dataclass(frozen=True)
class _Turn:
    """What every trial of one start shares."""

    record: Run
    scenario: Scenario
    bench: Bench
    inputs: Mapping[str, Input]
    held: Held
    watch: Watch


def _trial_name(run_id: str, number: int) -> str:
    return f"{run_id}-{number:04d}"


def _job(run_id: str, place: Place, scenario: Scenario, bench: Bench, inputs: Mapping[str, Input]) -> Job:
    settle, manifest = place.cell is SETTLE, bench.build.manifest
    cell, kind = place.cell, "load" if settle else scenario.kind
    if settle and isinstance(manifest, ForeignManifest):
        cell, kind = foreign.SETTLE, "prefill"
    return jobs.job_for(
        cell,
        kind=kind,
        trial=_trial_name(run_id, place.number),
        build=_build_folder(bench),
        manifest=manifest,
        inputs=inputs,
        device=bench.device.identity,
        warmup=0 if settle else scenario.plan.warmup,
        iterations=1 if settle else scenario.plan.iterations,
        own_inputs={name: _input_folder(bench, own) for name, own in bench.own_inputs.items()},
    )


def _build_folder(bench: Bench) -> str:
    """Return where the device has the build: on the host where it lies, elsewhere where it was pushed to."""
    if bench.device.scratch is None:
        return str(bench.build.folder.absolute())
    return f"{bench.device.scratch}/builds/{bench.build.id}"


def _input_folder(bench: Bench, own: OwnInput) -> str:
    """Return where the device has an input of the user's own, as :func:`_build_folder` does for the build."""
    return (
        str(own.folder.absolute()) if bench.device.scratch is None else f"{bench.device.scratch}/inputs/{own.id}"
    )


def _measure(turn: _Turn, place: Place) -> Trial:
    """Run one fresh agent process and judge what it wrote."""
    with _errand(turn, place) as (errand, job):
        started_utc = turn.bench.clock.utc()
        if turn.bench.device.scratch is not None:
            (errand.folder / TURN).write_text(str(turn.held.number))
        outcome = carry_out(errand)
    return _trial(turn, place, job, outcome, started_utc)


def _collected(turn: _Turn, place: Place) -> Trial | None:
    """Return the trial that a lab that is gone had begun on the device; None when there is none.

    On cores that others may use it counts only if nobody took a turn since the one it was begun in.
    """
    if turn.bench.device.scratch is None:
        return None
    begun_in = _bytes(turn.bench.store.trial_folder(turn.record.id, place.number) / TURN).decode() or "None"
    with _errand(turn, place) as (errand, job):
        outcome = collect(errand)
    if outcome is None:  # what an earlier attempt left must not pass for what the next one writes
        _end(turn.bench.device, job.trial)
        _tidy(turn.bench.device, job.trial)
        return None
    log.info("trial %d was on the device already, begun by a lab that is gone", place.number)
    trial = _trial(turn, place, job, outcome, turn.bench.clock.utc())
    number = turn.held.number
    if number is not None and begun_in != str(number - 1):
        detail = f"the lab that began it in turn {begun_in} of this machine was gone, and others had turns since"
        detail = "; ".join(filter(None, (detail, trial.detail)))
        return replace(trial, valid=False, reason=InvalidReason.SHARED_HOST, detail=detail)
    return trial


def _trial(turn: _Turn, place: Place, job: Job, outcome: Outcome, started_utc: str) -> Trial:
    """Judge what lies in a trial's folder."""
    folder = turn.bench.store.trial_folder(turn.record.id, place.number)
    if isinstance(turn.bench.build.manifest, ForeignManifest):
        foreign.parse(turn.bench.build.manifest, turn.bench.build, outcome, folder)
    reading = read_events(_bytes(folder / EVENTS))
    findings = judge(
        job,
        outcome,
        reading,
        stderr=_bytes(folder / STDERR).decode(errors="replace"),
        manifest=turn.bench.build.manifest,
        inputs=turn.inputs,
        timeout_s=turn.scenario.plan.timeout_s,
        max_gap=1.0 if _emulated(turn) else turn.scenario.gates.max_gap,  # a gap is a time: none is measured there
    )
    flaw = findings.flaw
    if flaw is not None:
        log.warning("trial %d (%s) does not count: %s: %s", place.number, place.cell.key, flaw.reason, flaw.detail)
    return Trial(
        number=place.number,
        block=place.block,
        cell=place.cell.key,
        valid=flaw is None,
        reason=flaw.reason if flaw else None,
        detail=flaw.detail if flaw else "",
        started_utc=started_utc,
        wall_s=outcome.wall_s,
        samples=samples_of(job, reading.events),
        notes=findings.notes,
    )


def _full_disk(device: Device) -> str:
    """Say that a device's disk is full, if it is; empty otherwise."""
    if device.scratch is None:
        return ""
    from lab.device.lease import free_bytes  # not loaded for runs on this machine

    free = free_bytes(device)
    if free is None or free >= FULL_BYTES:
        return ""
    return f"{device.identity.name}: no space left on the device: {free:,} bytes free in {device.scratch}"


def _emulated(turn: _Turn) -> bool:
    return turn.bench.device.identity.kind == "emulated"


def _settle(turn: _Turn) -> Outcome:
    """Run the uncounted first process; if it fails, the trials that follow say why."""
    with _errand(turn, Place(0, 0, SETTLE)) as (errand, job):
        outcome = carry_out(errand)
    _tidy(turn.bench.device, job.trial)
    if outcome.returncode != 0:
        log.warning("the settling process of run %s did not end well: %s", turn.record.id, outcome)
    return outcome


@contextmanager
def _errand(turn: _Turn, place: Place) -> Iterator[tuple[Errand, Job]]:
    """Say what is to be carried out for a trial, in a clean folder; a full disk is told in words."""
    bench, record = turn.bench, turn.record
    job = _job(record.id, place, turn.scenario, bench, turn.inputs)
    total = len(record.cells) * record.blocks
    with disk_errors(f"run trial {place.number} of run {record.id}", bench.store.root):
        folder = _clean_folder(bench.store, record, place.number)
        turn.watch(Progress(place, total, 0))
        yield (
            Errand(
                launch=_launch(job, bench, folder),
                transport=bench.device.transport,
                folder=folder,
                timeout_s=turn.scenario.plan.timeout_s,
                clock=bench.clock,
                look_every_s=bench.device.look_every_s,
                started=turn.held.note,
                iterations=lambda count: turn.watch(Progress(place, total, count)),
            ),
            job,
        )


def _launch(job: Job, bench: Bench, folder: Path) -> Launch:
    manifest = bench.build.manifest
    if isinstance(manifest, ForeignManifest):
        return foreign.launch_for(job, manifest, bench.build, bench.device, folder)
    return launch_for(job, bench.device, folder)


def _clean_folder(store: Store, record: Run, number: int) -> Path:
    """Return the trial's empty folder; what an interrupted trial left there is kept under ``interrupted/``."""
    folder = store.trial_folder(record.id, number)
    if any(folder.iterdir()):
        aside = folder.parent.parent / "interrupted"
        aside.mkdir(exist_ok=True)
        folder.rename(aside / f"{number:04d}-{len(list(aside.glob(f'{number:04d}-*'))) + 1}")
        folder = store.trial_folder(record.id, number)
    return folder


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _stop_if_hopeless(record: Run, done: Mapping[int, Trial]) -> None:
    """Raise `RunError` when the first block is complete, none of its trials counts, and none will."""
    first = [trial for number, trial in done.items() if number <= len(record.cells)]
    if len(done) != len(record.cells) or len(first) != len(record.cells):
        return
    if any(trial.valid or trial.reason in PASSING for trial in first):
        return
    reasons: dict[InvalidReason | None, Trial] = {trial.reason: trial for trial in first}
    words = "; ".join(f"{trial.cell}: {reason}: {trial.detail}" for reason, trial in reasons.items())
    raise RunError(
        f"run {record.id} of {record.scenario} on {record.device} stops: "
        f"no trial of its first block was valid. {words}"
    )


def _finish(store: Store, record: Run, status: Literal["finished", "interrupted", "failed"]) -> None:
    try:
        store.finish_run(record.id, status)
    except LabError as error:
        if status == "finished":
            raise
        log.info("run %s could not be marked %s: %s", record.id, status, error)  # what ended it is told
