"""Whether a trial counts: how its process ended first, then what its lines say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from device_agents.contract import (
    End,
    Error,
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
from lab.stats.steady import SHORTEST, steady
from lab.trial.agent import Outcome
from lab.trial.folder import Reading
from lab.trial.invariants import Findings, Flaw, check
from lab.trial.metrics import iterations_of, measured

UNSETTLED_FROM = 30
"""Iterations, warm-up included, from which a trial is called unsteady: the shortest series that was held
against labelled ones (docs/verdicts.md). Of ten, a single slow one at the start would decide."""

State = Literal["steady", "unsteady", "unknown"]


_LINES = (Span, Iteration, Output, Memory)

TAIL = 300
"""How many characters of the agent's last words are quoted."""


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
) -> Findings:
    """Return the first flaw of a trial, if it has one, and the figures that come with it."""
    flaw = _broken(outcome, reading, stderr, timeout_s)
    if flaw is not None:
        return Findings(flaw)
    wall_s = outcome.wall_s if outcome.whole else None
    return check(job, reading.events, manifest, inputs, max_gap=max_gap, wall_s=wall_s)


def until_stopped(job: Job, reading: Reading) -> tuple[Job, Reading] | None:
    """Return a job and its lines as far as an agent got that the lab ended; None where nothing was measured.

    The last iteration is left out: its lines may not all be there. The others are judged as if the job had asked
    for no more of them, with an `end` that counts them in place of the one that was never written.
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
    return f"{len(events)} events, the last a `{events[-1].event}`"


def steadiness(job: Job, reading: Reading) -> tuple[State, int]:
    """Return what a trial's iterations, warm-up and all, say of it, and which measured one counts first."""
    durations = [iteration.duration_ns for iteration in iterations_of(reading.events)]
    if len(durations) < SHORTEST or min(durations) <= 0:
        return "unknown", 0
    found = steady(durations)
    if found.first is None:  # of fewer nobody can tell, and the warm-up that was planned is taken at its word
        return ("unsteady" if len(durations) >= UNSETTLED_FROM else "unknown"), 0
    first = max(0, found.first - job.warmup_iterations)
    return "steady", first
