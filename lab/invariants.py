"""What must hold of every trial: the first that does not is the trial's reason not to count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from device_agents.contract import (
    PROTOCOL,
    DecodeWork,
    EncodeImageWork,
    End,
    Error,
    Event,
    Fingerprint,
    ForeignManifest,
    GenerateWork,
    Hello,
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
    TokenTrail,
    relative_distance,
)
from lab.metrics import VISION, end_ns, measured, spans_of, true_count

GAP_FLOOR_NS = 10_000_000
"""Uncovered time that is forgiven in any iteration (10 ms): a judgement. It matters only to iterations under
0.1 s (at a `max_gap` of 10 %), as on the `tiny` preset, where a hand-over between two threads was seen to take
up to 4 ms of 5 ms on a busy host (on `nano` 0.2 to 0.7 % of 300 ms); the gap itself is always reported."""


@dataclass(frozen=True)
class Flaw:
    """Why a trial does not count, in the contract's word and in a sentence."""

    reason: InvalidReason
    detail: str


@dataclass(frozen=True)
class Findings:
    """What was found: the first flaw, if any, and figures worth keeping with the trial."""

    flaw: Flaw | None
    notes: Mapping[str, float] = field(default_factory=dict)


class _Found(Exception):  # noqa: N818 - carries a finding out of nested checks, not an error
    def __init__(self, reason: InvalidReason, detail: str) -> None:
        super().__init__(detail)
        self.flaw = Flaw(reason, detail)


def check(
    job: Job,
    events: Sequence[Event],
    manifest: Manifest | ForeignManifest,
    inputs: Mapping[str, Input],
    *,
    max_gap: float,
) -> Findings:
    """Check a trial whose agent ended by itself and whose lines were all events.

    A foreign tool's outputs are unknown: how much it did is checked, not what came out.
    `max_gap` is the largest share of an iteration's wall time that no span may cover.
    """
    notes: dict[str, float] = {}
    try:
        _ended(events)
        _counts(job, events)
        for iteration in measured(events):
            spans = spans_of(events, iteration.iteration)
            _work(job, iteration.iteration, spans, inputs)
            _overlap(iteration.iteration, spans)
            _gap(iteration, spans, max_gap, notes)
        if isinstance(manifest, Manifest):
            _outputs(job, events, manifest, inputs, notes)
    except _Found as found:
        return Findings(found.flaw, notes)
    notes.update(_cpu_shares(events))
    return Findings(None, notes)


def _ended(events: Sequence[Event]) -> None:
    if not events or not isinstance(events[0], Hello):
        raise _Found(InvalidReason.MALFORMED_EVENTS, "the agent did not say `hello` first")
    if events[0].protocol != PROTOCOL:
        raise _Found(
            InvalidReason.AGENT_ERROR, f"the agent speaks protocol {events[0].protocol}, the lab {PROTOCOL}"
        )
    for event in events:
        if isinstance(event, Error):
            raise _Found(InvalidReason.AGENT_ERROR, f"the agent gave up: {event.error}: {event.message}")
    if not isinstance(events[-1], End):
        raise _Found(InvalidReason.NO_END, "the agent ended without its last line, `end`")
    if any(isinstance(event, End) for event in events[:-1]):
        raise _Found(InvalidReason.MALFORMED_EVENTS, "the agent wrote `end` more than once")


def _counts(job: Job, events: Sequence[Event]) -> None:
    end = events[-1]
    if not isinstance(end, End):
        return
    kinds = {"spans": Span, "iterations": Iteration, "outputs": Output}
    for name, kind in kinds.items():
        found = sum(isinstance(event, kind) for event in events)
        if found != getattr(end, name):
            raise _Found(
                InvalidReason.COUNT_MISMATCH, f"`end` counts {getattr(end, name)} {name}, {found} arrived"
            )
    iterations = [event for event in events if isinstance(event, Iteration)]
    for phase, wanted in (("warmup", job.warmup_iterations), ("measure", job.iterations)):
        found = sum(iteration.phase == phase for iteration in iterations)
        if found != wanted:
            raise _Found(InvalidReason.COUNT_MISMATCH, f"wanted {wanted} {phase} iterations, found {found}")
    numbers = [iteration.iteration for iteration in iterations]
    if len(set(numbers)) != len(numbers):
        raise _Found(InvalidReason.COUNT_MISMATCH, "two iterations have the same number")


def _work(job: Job, iteration: int, spans: Sequence[Span], inputs: Mapping[str, Input]) -> None:
    """Compare what every stage worked on with what the job asked for, without padding."""
    work = job.work
    wanted: dict[Stage, int] = {}
    if isinstance(work, LoadWork) and not any(span.stage == Stage.LOAD for span in spans):
        raise _Found(InvalidReason.NO_WORK, f"iteration {iteration}: nothing was loaded")
    if isinstance(work, EncodeImageWork | GenerateWork):
        tiles = sum(batch.true for batch in work.batches)
        wanted |= {stage: tiles for stage in VISION if stage != Stage.TILE}
    if isinstance(work, PrefillWork):
        wanted[Stage.PREFILL] = work.prompt_tokens
    if isinstance(work, GenerateWork):
        wanted[Stage.PREFILL] = inputs[work.input].prompt_tokens
    if isinstance(work, GenerateWork | DecodeWork):
        wanted[Stage.DECODE] = work.new_tokens - 1
    _launches(job, iteration, spans, inputs)
    for stage, count in wanted.items():
        found = true_count(spans, stage)
        if found == 0 and count > 0:
            raise _Found(InvalidReason.NO_WORK, f"iteration {iteration}: no `{stage}` was done")
        if found != count:
            unit = "tiles" if stage in VISION else "tokens"
            raise _Found(
                InvalidReason.WRONG_TOKEN_COUNT,
                f"iteration {iteration}: `{stage}` worked on {found} {unit}, the job asks for {count}",
            )


def _launches(job: Job, iteration: int, spans: Sequence[Span], inputs: Mapping[str, Input]) -> None:
    """Compare every launch with the job's: the swept size is what ran, not only its sum.

    A foreign tool that prints totals has no launches to compare (`parsed`).
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
            raise _Found(
                InvalidReason.WRONG_TOKEN_COUNT,
                f"iteration {iteration}: `{stage}` ran {_cut(found)}, the job asks for {_cut(launches)}",
            )


def _cut(launches: Sequence[tuple[int, int]]) -> str:
    """Return e.g. ``4+4+1``, or ``16 launches of 128`` where there are many; padding after a slash."""
    if len(launches) > 9 and len(set(launches)) == 1:
        return f"{len(launches)} launches of {launches[0][0]}"
    words = [str(true) if true == padded else f"{true}/{padded}" for true, padded in launches[:9]]
    return "+".join(words) + ("+..." if len(launches) > 9 else "")


def _overlap(iteration: int, spans: Iterable[Span]) -> None:
    """Refuse two things at once on one unit; a sub-span lies inside its parent and is not looked at."""
    last: dict[str, Span] = {}
    for span in spans:
        if span.parent is not None or span.role == "user":
            continue
        before = last.get(span.unit)
        if before is not None and span.start_ns < end_ns(before):
            raise _Found(
                InvalidReason.SPAN_OVERLAP,
                f"iteration {iteration}: unit {span.unit} did `{before.stage}` {before.index} and "
                f"`{span.stage}` {span.index} at once for {(end_ns(before) - span.start_ns) / 1e6:.3f} ms",
            )
        last[span.unit] = span


def _gap(iteration: Iteration, spans: Sequence[Span], max_gap: float, notes: dict[str, float]) -> None:
    if not spans:  # the null workload has no stage to cover anything with
        return
    gap_ns = iteration.duration_ns - covered_ns(iteration, spans)
    share = gap_ns / iteration.duration_ns if iteration.duration_ns else 0.0
    notes["gap_fraction"] = max(share, notes.get("gap_fraction", 0.0))
    if gap_ns > GAP_FLOOR_NS and share > max_gap:
        raise _Found(
            InvalidReason.SPAN_GAP,
            f"iteration {iteration.iteration}: spans leave {gap_ns / 1e6:.3f} ms of "
            f"{iteration.duration_ns / 1e6:.3f} ms uncovered ({share:.1%}, allowed {max_gap:.1%})",
        )


def covered_ns(iteration: Iteration, spans: Iterable[Span]) -> int:
    """Return how much of an iteration's wall time lies under at least one span that is work."""
    begin, stop = iteration.start_ns, iteration.start_ns + iteration.duration_ns
    covered, reached = 0, begin
    for span in sorted(spans, key=lambda span: span.start_ns):
        if span.role == "user":
            continue
        start, end = max(span.start_ns, reached), min(end_ns(span), stop)
        if end > start:
            covered += end - start
            reached = end
    return covered


def _outputs(
    job: Job,
    events: Sequence[Event],
    manifest: Manifest,
    inputs: Mapping[str, Input],
    notes: dict[str, float],
) -> None:
    work = job.work
    if not isinstance(work, EncodeImageWork | PrefillWork | DecodeWork | GenerateWork):
        return
    golden, tolerance = inputs[work.input].golden, manifest.tolerance
    prompt_tokens = inputs[work.input].prompt_tokens
    for iteration in measured(events):
        found = {o.kind: o for o in events if isinstance(o, Output) and o.iteration == iteration.iteration}
        where = f"iteration {iteration.iteration}"
        if isinstance(work, EncodeImageWork | GenerateWork):
            _tensor(
                where,
                "features",
                found.get("features"),
                golden=golden.features,
                tolerance=tolerance.features,
                notes=notes,
            )
        if isinstance(work, PrefillWork | GenerateWork):
            whole = isinstance(work, GenerateWork) or work.prompt_tokens == prompt_tokens
            logits = golden.logits if whole else None
            _tensor(where, "logits", found.get("logits"), golden=logits, tolerance=tolerance.logits, notes=notes)
        if isinstance(work, DecodeWork | GenerateWork):
            whole = isinstance(work, GenerateWork) or work.context_tokens == prompt_tokens
            _trail(
                where,
                found.get("tokens"),
                golden=golden.tokens if whole else None,
                new_tokens=work.new_tokens,
                margin=tolerance.margin,
                notes=notes,
            )


def _tensor(
    where: str,
    kind: str,
    output: Output | None,
    *,
    golden: Fingerprint | None,
    tolerance: float,
    notes: dict[str, float],
) -> None:
    if output is None or output.fingerprint is None:
        raise _Found(InvalidReason.WRONG_OUTPUT, f"{where}: the agent wrote no {kind}")
    found = output.fingerprint
    if not all(map(math.isfinite, (found.norm, *found.projections))) or found.norm == 0.0:
        raise _Found(InvalidReason.WRONG_OUTPUT, f"{where}: the {kind} are not finite, or all zero")
    notes["golden_checked"] = min(float(golden is not None), notes.get("golden_checked", 1.0))
    if golden is None:  # part of a prompt: the oracle answered only the whole one
        return
    if math.prod(found.shape) != math.prod(golden.shape):
        raise _Found(
            InvalidReason.WRONG_OUTPUT,
            f"{where}: the {kind} have shape {found.shape}, the oracle's {golden.shape}",
        )
    distance = relative_distance(found, golden)
    notes[f"{kind}_distance"] = max(distance, notes.get(f"{kind}_distance", 0.0))
    if not distance <= tolerance:
        raise _Found(
            InvalidReason.WRONG_OUTPUT,
            f"{where}: the {kind} lie {distance:.3g} from the oracle's (relative), allowed {tolerance:.3g}",
        )


def _trail(
    where: str,
    output: Output | None,
    *,
    golden: TokenTrail | None,
    new_tokens: int,
    margin: float,
    notes: dict[str, float],
) -> None:
    """Compare greedy tokens up to the first that differs: behind it the two texts are not comparable."""
    if output is None or output.tokens is None:
        raise _Found(InvalidReason.WRONG_OUTPUT, f"{where}: the agent wrote no tokens")
    ids = output.tokens.ids
    if len(ids) != new_tokens:
        raise _Found(InvalidReason.WRONG_TOKEN_COUNT, f"{where}: wanted {new_tokens} new tokens, found {len(ids)}")
    if not all(map(math.isfinite, output.tokens.margins)):
        raise _Found(InvalidReason.WRONG_OUTPUT, f"{where}: the margins of the tokens are not finite")
    notes["golden_checked"] = min(float(golden is not None), notes.get("golden_checked", 1.0))
    if golden is None:
        return
    pairs = list(zip(ids, golden.ids, golden.margins, strict=False))
    agreed = next((i for i, (ours, theirs, _) in enumerate(pairs) if ours != theirs), len(pairs))
    notes["tokens_agreed"] = min(float(agreed), notes.get("tokens_agreed", math.inf))
    if agreed < len(pairs) and not pairs[agreed][2] <= margin:
        ours, theirs, decided = pairs[agreed]
        raise _Found(
            InvalidReason.WRONG_OUTPUT,
            f"{where}: token {agreed} is {ours}, the oracle says {theirs} by a margin of {decided:.3g}, "
            f"and only {margin:.3g} may be decided otherwise",
        )


def _cpu_shares(events: Sequence[Event]) -> dict[str, float]:
    """Return CPU time over wall time for each stage: on the host for information, every unit being a CPU."""
    sums: dict[str, list[int]] = {}
    numbers = {iteration.iteration for iteration in measured(events)}
    for event in events:
        if not isinstance(event, Span) or event.source == "parsed":  # a foreign tool prints no CPU time
            continue
        if event.iteration in numbers and event.role != "user":
            total = sums.setdefault(event.stage.value, [0, 0])
            total[0] += event.cpu_ns
            total[1] += event.duration_ns
    return {f"cpu_share_{stage}": cpu / wall for stage, (cpu, wall) in sums.items() if wall}
