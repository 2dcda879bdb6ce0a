"""Judge a trial: first by how its process ended, then by the events that it wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from device_agents.contract import (
    End,
    Error,
    EvaluateWork,
    Event,
    ForeignManifest,
    Hello,
    Input,
    InvalidReason,
    Iteration,
    Job,
    Manifest,
    Memory,
    Output,
    Span,
)
from lab.builds.folder import Build
from lab.records import ENDED, MIXED, UNPLACED, DeviceKind, Flaw, Trial
from lab.records.telling import number_of
from lab.scenario.plan import Scenario
from lab.stats.steady import SHORTEST, steady
from lab.trial import foreign, memory
from lab.trial.agent import Outcome
from lab.trial.folder import EVENTS, STDERR, Reading, read_events, read_or_empty
from lab.trial.invariants import Findings, check
from lab.trial.job import Place
from lab.trial.limits import Limits, limits_of
from lab.trial.metrics import iterations_of, measured, samples_of

UNSETTLED_FROM = 30
"""Iterations, warm-up included, from which a trial may be called unsteady: the shortest series that was checked
against labelled ones (docs/verdicts.md). In a series of ten, a single slow one at the start would decide."""

TAIL = 300
"""How many characters of the end of the agent's stderr are quoted."""

State = Literal["steady", "unsteady", "unknown"]

_LINES = (Span, Iteration, Output, Memory)


def trial_of(
    place: Place,
    job: Job,
    outcome: Outcome,
    folder: Path,
    build: Build,
    *,
    scenario: Scenario,
    inputs: Mapping[str, Input],
    kind: DeviceKind,
    started_utc: str,
    boot: str,
) -> Trial:
    """Return the trial that a job came to: whether it counts, and its figures, from the files in its folder.

    `kind` is the device's: times of an emulated one mean nothing. A trial that the lab stopped for heat counts up
    to there if heat is what the scenario asks about. Raises `RunError` when a foreign tool's adapter fails.
    """
    timed = kind != "emulated" and place.purpose == "time"
    reading, ended = reading_of(outcome, folder, build, limits_of(job, inputs)), False
    asks_about_heat = scenario.gates.throttling == "keep" and not isinstance(job.work, EvaluateWork)
    if outcome.stopped and asks_about_heat and (part := until_stopped(job, reading)) is not None:
        (job, reading), ended = part, True
        outcome = replace(outcome, stopped="", returncode=0)
    findings = judge(
        job,
        outcome,
        reading,
        stderr=read_or_empty(folder / STDERR).decode(errors="replace"),
        manifest=build.manifest,
        inputs=inputs,
        timeout_s=scenario.plan.timeout_s,
        max_gap=scenario.gates.max_gap if timed else 1.0,  # a gap is a time
        cpu_time_least=scenario.gates.cpu_time_least if timed and kind != "phone" else 0.0,
    )
    flaw, unplaced = findings.flaw, False
    if isinstance(build.manifest, ForeignManifest) and flaw is None:
        flaw, unplaced = foreign.placement_flaw(folder), foreign.is_unplaced(folder, reading.events)
    state: State = "unknown"
    first_steady = 0
    if flaw is None and timed and not _need_not_settle(job, scenario):
        state, first_steady = steadiness(job, reading)
    mixed = "MIXED" in findings.placement.values()
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
        placement=findings.placement,
        flags=(
            *((MIXED,) if mixed else ()),
            *((ENDED,) if ended else ()),
            *((UNPLACED,) if unplaced and flaw is None else ()),
        ),
        boot=boot,
        purpose=place.purpose,
        state=state,
        first_steady=first_steady,
    )


def _need_not_settle(job: Job, scenario: Scenario) -> bool:
    """A trial of a given duration need not settle, nor one whose iterations are different questions."""
    return scenario.plan.duration_s is not None or isinstance(job.work, EvaluateWork)


def reading_of(outcome: Outcome, folder: Path, build: Build, limits: Limits) -> Reading:
    """Return the events that an agent wrote, or that a foreign tool's adapter makes of what the tool printed."""
    if isinstance(build.manifest, ForeignManifest):
        foreign.parse(build.manifest, build, outcome, folder)
    return read_events(read_or_empty(folder / EVENTS), limits)


def with_memory(trial: Trial, job: Job, folder: Path, build: Build, looks: Sequence[memory.Look]) -> Trial:
    """Return a trial of the memory pass with figures of memory in place of times; flags say what is missing."""
    found = memory.figures(read_events(read_or_empty(folder / EVENTS)).events, looks)
    flags = [*trial.flags, *found.flags]
    if isinstance(build.manifest, Manifest) and memory.RSS in found.samples:
        doubt = memory.suspicion(found.samples[memory.RSS][0], memory.weights_bytes(job, build.manifest))
        flags += [f"suspect: {doubt}"] if doubt else []
    return replace(trial, samples=found.samples, flags=tuple(flags))


def judge(
    job: Job,
    outcome: Outcome,
    reading: Reading,
    *,
    stderr: str,
    manifest: Manifest | ForeignManifest,
    inputs: Mapping[str, Input],
    timeout_s: float,
    max_gap: float,
    cpu_time_least: float = 0.0,
) -> Findings:
    """Return the first flaw of a trial, if it has one, and the figures found with it."""
    flaw = _broken(outcome, reading, stderr, timeout_s)
    if flaw is not None:
        return Findings(flaw)
    wall_s = outcome.wall_s if outcome.whole else None
    return check(
        job,
        reading.events,
        manifest,
        inputs,
        max_gap=max_gap,
        cpu_time_least=cpu_time_least,
        wall_s=wall_s,
    )


def until_stopped(job: Job, reading: Reading) -> tuple[Job, Reading] | None:
    """Cut a job and its events to what an agent had measured when the lab stopped it; None if that is nothing.

    The last iteration is left out: some of its events may be missing. The others are judged as if the job had
    asked for no more, with an `end` that counts them in place of the one that was never written.
    """
    numbers = [event.iteration for event in reading.events if isinstance(event, Iteration)]
    whole = [
        event
        for event in reading.events
        if isinstance(event, Hello) or (isinstance(event, _LINES) and event.iteration < max(numbers, default=0))
    ]
    done = measured(whole)
    if reading.malformed is not None or not done or any(isinstance(e, Error | End) for e in reading.events):
        return None
    spans, iterations, outputs = (sum(isinstance(e, kind) for e in whole) for kind in (Span, Iteration, Output))
    end = End(spans=spans, iterations=iterations, outputs=outputs, inject=job.inject)
    return job.model_copy(update={"iterations": len(done)}), Reading((*whole, end), None, "")


def _broken(outcome: Outcome, reading: Reading, stderr: str, timeout_s: float) -> Flaw | None:
    if (ended := _ended_by_us(outcome, reading, timeout_s)) is not None:
        return ended
    if reading.malformed is not None:
        bad = reading.malformed
        return Flaw(
            InvalidReason.MALFORMED_EVENTS, f"line {bad.line} is no event ({bad.problem}): {bad.excerpt!r}"
        )
    if any(isinstance(event, Error) for event in reading.events):
        return None  # the invariants quote it
    if outcome.returncode != 0 or reading.half_line:
        return Flaw(InvalidReason.AGENT_DIED, _death(outcome, reading, stderr))
    return None


def _ended_by_us(outcome: Outcome, reading: Reading, timeout_s: float) -> Flaw | None:
    if outcome.lost:
        reason = InvalidReason.DEVICE_REBOOTED if outcome.rebooted else InvalidReason.DEVICE_LOST
        return Flaw(reason, outcome.lost)
    if outcome.unreadable:
        return Flaw(InvalidReason.MALFORMED_EVENTS, outcome.unreadable)
    if outcome.stopped:
        return Flaw(InvalidReason.THROTTLED, f"the lab ended it: {outcome.stopped}")
    if outcome.timed_out:
        return Flaw(
            InvalidReason.TIMEOUT,
            f"the agent did not end within {timeout_s:g} s and was ended; it got to {_last(reading.events)}",
        )
    return None


def _death(outcome: Outcome, reading: Reading, stderr: str) -> str:
    code = outcome.returncode or 0
    how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
    words = [f"the agent {how} after {_last(reading.events)}"]
    if reading.half_line:
        words.append(f"in the middle of a line: {reading.half_line!r}")
    if stderr.strip():
        words.append(f"its last words: {stderr.strip()[-TAIL:]!r}")
    return "; ".join(words)


def _last(events: Sequence[Event]) -> str:
    if not events:
        return "nothing (no event was written)"
    return f"{number_of(len(events), 'event')}, the last a `{events[-1].event}`"


def steadiness(job: Job, reading: Reading) -> tuple[State, int]:
    """Return whether a trial's iterations, warm-up included, settled, and the first measured one that counts."""
    durations = [iteration.duration_ns for iteration in iterations_of(reading.events)]
    if len(durations) < SHORTEST or min(durations) <= 0:
        return "unknown", 0
    found = steady(durations)
    if found.first is None:  # a short series cannot tell: then the planned warm-up is taken to be enough
        return ("unsteady" if len(durations) >= UNSETTLED_FROM else "unknown"), 0
    first = max(0, found.first - job.warmup_iterations)
    return "steady", first
