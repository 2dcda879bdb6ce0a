"""The invariants of a trial: the first that fails is the reason why the trial does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from device_agents.contract import (
    PROTOCOL,
    DecodeWork,
    EncodeImageWork,
    End,
    Error,
    Event,
    ForeignManifest,
    GenerateWork,
    Hello,
    Inject,
    Input,
    InvalidReason,
    Iteration,
    Job,
    LoadWork,
    Manifest,
    Output,
    PrefillWork,
    Span,
    Stage,
)
from lab.records import Flaw
from lab.records.telling import number_of
from lab.trial import answers, golden, timing
from lab.trial.flaws import Found
from lab.trial.metrics import VISION, iterations_of, measured, spans_by_iteration, true_count
from lab.trial.placement import contradiction, placement
from lab.trial.starved import starved

__all__ = ["Findings", "Flaw", "check"]

MESSAGE = 1000
"""How many characters of an agent's own words are quoted; a judgement: the first sentence says what failed."""


@dataclass(frozen=True)
class Findings:
    """The result of the checks: the first flaw, if any, figures to keep with the trial, and where its stages ran.

    `placement` maps each stage to NPU, MIXED, CPU or UNKNOWN (:func:`lab.trial.placement.placement`).
    """

    flaw: Flaw | None
    notes: Mapping[str, float] = field(default_factory=dict)
    placement: Mapping[str, str] = field(default_factory=dict)


def check(
    job: Job,
    events: Sequence[Event],
    manifest: Manifest | ForeignManifest,
    inputs: Mapping[str, Input],
    *,
    max_gap: float,
    cpu_time_least: float = 0.0,
    wall_s: float | None = None,
) -> Findings:
    """Check a trial whose agent ended by itself and wrote nothing but events.

    A foreign tool shows no outputs: the lab checks how much it did, not what it computed. `max_gap` is the largest
    share of an iteration's wall time that spans may leave uncovered, `cpu_time_least` the least share of its time
    that work on a CPU must have used one (0: not judged), `wall_s` how long the process ran by the host's clock
    (None if the lab did not see it start).
    """
    notes: dict[str, float] = {}
    work = _work_spans(events)
    flaw = None
    try:
        _ended(events)
        _injected(job, events)
        _counts(job, events)
        if isinstance(manifest, Manifest):  # an adapter's times are durations laid end to end from 0
            _sources(events)
            _clocks(events, wall_s)
        spans = spans_by_iteration(events)
        for iteration in measured(events):
            own = spans.get(iteration.iteration, [])
            _iteration(job, iteration, own, inputs, max_gap=max_gap, notes=notes)
        if words := contradiction(work):
            raise Found(InvalidReason.WRONG_UNIT, words)
        if isinstance(manifest, Manifest):
            golden.outputs(job, events, manifest, inputs, notes)
        answers.check(job, events)
    except Found as found:
        flaw = found.flaw
    else:
        notes.update(_cpu_shares(work))
    gap = flaw is not None and flaw.reason is InvalidReason.SPAN_GAP  # a process without the CPU leaves gaps, too
    if (flaw is None or gap) and (words := starved(work, cpu_time_least)):
        flaw = Flaw(InvalidReason.STARVED, words)
    return Findings(flaw, notes, {stage.value: where for stage, where in placement(work).items()})


def _iteration(
    job: Job,
    iteration: Iteration,
    spans: Sequence[Span],
    inputs: Mapping[str, Input],
    *,
    max_gap: float,
    notes: dict[str, float],
) -> None:
    """Check one measured iteration: first how much was done, then when."""
    number = iteration.iteration
    _work(job, number, spans, inputs)
    timing.overlap(number, spans)
    timing.gap(job, iteration, spans, max_gap, notes)
    timing.instruction(job, iteration, spans)
    timing.first_token(job, number, spans)
    timing.tokens(job, number, spans, max_gap)


def _work_spans(events: Sequence[Event]) -> list[Span]:
    """Return the spans of the measured iterations that are work; a user's wait is not."""
    numbers = {iteration.iteration for iteration in measured(events)}
    found = [event for event in events if isinstance(event, Span) and event.iteration in numbers]
    return [span for span in found if span.role != "user"]


def _ended(events: Sequence[Event]) -> None:
    if not events or not isinstance(events[0], Hello):
        raise Found(InvalidReason.MALFORMED_EVENTS, "the agent did not write `hello` first")
    if any(isinstance(event, Hello) for event in events[1:]):
        raise Found(InvalidReason.MALFORMED_EVENTS, "the agent wrote `hello` more than once")
    if events[0].protocol != PROTOCOL:
        raise Found(
            InvalidReason.AGENT_ERROR, f"the agent speaks protocol {events[0].protocol}, the lab {PROTOCOL}"
        )
    for event in events:
        if isinstance(event, Error):
            words = event.message if len(event.message) <= MESSAGE else f"{event.message[:MESSAGE]}…"
            raise Found(InvalidReason.AGENT_ERROR, f"the agent gave up: {event.error}: {words}")
    if not isinstance(events[-1], End):
        raise Found(InvalidReason.NO_END, "the agent ended without its last line, `end`")
    if any(isinstance(event, End) for event in events[:-1]):
        raise Found(InvalidReason.MALFORMED_EVENTS, "the agent wrote `end` more than once")


def _injected(job: Job, events: Sequence[Event]) -> None:
    """Refuse a slow-down other than the job's, so that a self-test cannot stay on unnoticed."""
    end = events[-1]
    if isinstance(end, End) and end.inject != job.inject:
        raise Found(
            InvalidReason.AGENT_ERROR,
            f"the job asks for {_slow_down(job.inject)}, the agent's `end` reports {_slow_down(end.inject)}",
        )


def _slow_down(inject: Inject | None) -> str:
    return f"`{inject.stage}` slowed {inject.slow_down:g} times" if inject else "no injected slow-down"


def _sources(events: Sequence[Event]) -> None:
    """Refuse an agent's own spans that it calls `parsed`: nobody could check their times."""
    for event in events:
        if isinstance(event, Span) and event.source == "parsed":
            raise Found(
                InvalidReason.MALFORMED_EVENTS,
                f"iteration {event.iteration}: the agent says that a tool printed the time of `{event.stage}` "
                "(`parsed`); only the lab's adapters of foreign tools may say so",
            )


def _clocks(events: Sequence[Event], wall_s: float | None) -> None:
    """Check the device's clock."""
    hello = events[0]
    spans = [event for event in events if isinstance(event, Span)]
    if isinstance(hello, Hello):
        timing.clocks(hello, iterations_of(events), spans, wall_s)


def _counts(job: Job, events: Sequence[Event]) -> None:
    end = events[-1]
    if not isinstance(end, End):
        return
    kinds = {"spans": Span, "iterations": Iteration, "outputs": Output}
    for name, kind in kinds.items():
        found = sum(isinstance(event, kind) for event in events)
        if found != getattr(end, name):
            counts = number_of(getattr(end, name), kind.__name__.lower())
            raise Found(InvalidReason.COUNT_MISMATCH, f"`end` counts {counts}, {found} arrived")
    iterations = [event for event in events if isinstance(event, Iteration)]
    for phase, wanted in (("warmup", job.warmup_iterations), ("measure", job.iterations)):
        found = sum(iteration.phase == phase for iteration in iterations)
        if found != wanted:
            words = f"wanted {number_of(wanted, f'{phase} iteration')}, found {found}"
            raise Found(InvalidReason.COUNT_MISMATCH, words)
    numbers = [iteration.iteration for iteration in iterations]
    if len(set(numbers)) != len(numbers):
        raise Found(InvalidReason.COUNT_MISMATCH, "two iterations have the same number")


def _work(job: Job, iteration: int, spans: Sequence[Span], inputs: Mapping[str, Input]) -> None:
    """Compare the amount that every stage worked on, without padding, with that of the job."""
    work = job.work
    wanted: dict[Stage, int] = {}
    if isinstance(work, LoadWork) and not any(span.stage == Stage.LOAD for span in spans):
        raise Found(InvalidReason.NO_WORK, f"iteration {iteration}: nothing was loaded")
    if isinstance(work, EncodeImageWork | GenerateWork):
        tiles = sum(batch.true for batch in work.batches)
        wanted |= {stage: tiles for stage in VISION if stage != Stage.TILE}
    if isinstance(work, PrefillWork):
        wanted[Stage.PREFILL] = work.prompt_tokens
    if isinstance(work, GenerateWork):
        wanted[Stage.PREFILL] = inputs[work.input].prompt_tokens
    if isinstance(work, GenerateWork | DecodeWork):
        wanted[Stage.DECODE] = work.new_tokens - 1
    if isinstance(work, GenerateWork) and work.release_vision and not any(s.stage == Stage.UNLOAD for s in spans):
        raise Found(InvalidReason.NO_WORK, f"iteration {iteration}: the vision graphs were not released")
    _launches(job, iteration, spans, inputs)
    for stage, count in wanted.items():
        found = true_count(spans, stage)
        if found == 0 and count > 0:
            raise Found(InvalidReason.NO_WORK, f"iteration {iteration}: no `{stage}` was done")
        if found != count:
            unit = "tile" if stage in VISION else "token"
            raise Found(
                InvalidReason.WRONG_TOKEN_COUNT,
                f"iteration {iteration}: `{stage}` worked on {number_of(found, unit)}, the job asks for {count}",
            )


def _launches(job: Job, iteration: int, spans: Sequence[Span], inputs: Mapping[str, Input]) -> None:
    """Compare every launch with the job's: the swept size must have run, not only the right total.

    A foreign tool prints totals (`parsed`) and has no launches to compare.
    """
    work = job.work
    wanted: dict[Stage, list[tuple[int, int]]] = {}
    if isinstance(work, EncodeImageWork | GenerateWork):
        cut = [(batch.true, batch.padded) for batch in work.batches]
        wanted |= {stage: cut for stage in VISION if stage != Stage.TILE}
    if isinstance(work, PrefillWork | GenerateWork):
        whole = work.prompt_tokens if isinstance(work, PrefillWork) else inputs[work.input].prompt_tokens
        step = work.parallel_tokens
        wanted[Stage.PREFILL] = [(min(step, whole - start), step) for start in range(0, whole, step)]
    for stage, launches in wanted.items():
        own = [s for s in spans if s.stage == stage and s.parent is None and s.source == "measured" and s.count]
        found = [(s.count.true, s.count.padded) for s in sorted(own, key=lambda s: s.index) if s.count]
        if found and found != launches and sum(true for true, _ in found) == sum(true for true, _ in launches):
            raise Found(
                InvalidReason.WRONG_TOKEN_COUNT,
                f"iteration {iteration}: `{stage}` ran {_cut(found)}, the job asks for {_cut(launches)}",
            )


def _cut(launches: Sequence[tuple[int, int]]) -> str:
    """Return e.g. ``4+4+1``, or ``16 launches of 128`` where there are many; padding after a slash."""
    if len(launches) > 9 and len(set(launches)) == 1:
        return f"{len(launches)} launches of {launches[0][0]}"
    words = [str(true) if true == padded else f"{true}/{padded}" for true, padded in launches[:9]]
    return "+".join(words) + ("+..." if len(launches) > 9 else "")


def _cpu_shares(spans: Sequence[Span]) -> dict[str, float]:
    """Return CPU time over wall time for each stage with a known CPU time; a foreign tool prints none."""
    sums: dict[Stage, list[int]] = {}
    for span in spans:
        if span.source == "measured":
            total = sums.setdefault(span.stage, [0, 0])
            total[0] += span.cpu_ns
            total[1] += span.duration_ns
    return {f"cpu_share_{stage.value}": cpu / wall for stage, (cpu, wall) in sums.items() if wall}
