"""The figures of a trial, derived from seconds and true counts here and nowhere else.

A rate counts the amount wanted (`true`), never the amount computed with padding: a phone vendor's runners print
padded tokens per second, which flatters a short prompt (up to 1.97 times at 130 tokens).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from device_agents.contract import EncodeImageWork, Event, GenerateWork, Graph, Iteration, Job, Span, Stage
from lab.records import Metric
from lab.stats.schedule import pipeline
from lab.trial import memory

NS = 1e-9
"""Seconds in a nanosecond."""


def _metrics() -> dict[str, Metric]:
    seconds = {
        "load_s": "load",
        "encode_s": "image encoding",
        "tile_s": "resize and normalise",
        "patch_embed_s": "patch embedding",
        "vit_s": "vision transformer",
        "project_s": "projector",
        "prefill_s": "prefill",
        "prefill_rest_s": "prefill after the instruction",
        "decode_s": "decode",
        "first_token_s": "time to first token",
        "unload_s": "release of the vision graphs",
        "null_s": "empty iteration",
    }
    rates = {
        "patches_per_s": ("image encoding", "patches/s"),
        "prefill_tokens_per_s": ("prefill", "tokens/s"),
        "decode_tokens_per_s": ("decode", "tokens/s"),
        "answers_per_s": ("answers", "answers/s"),
    }
    known = {name: Metric(name, label, "s", "lower") for name, label in seconds.items()}
    known["overlap_possible_s"] = Metric("overlap_possible_s", "overlap possible", "s", "higher")
    known["accuracy"] = Metric("accuracy", "right answers", "", "higher")
    return known | {name: Metric(name, label, unit, "higher") for name, (label, unit) in rates.items()}


METRICS: Mapping[str, Metric] = _metrics() | dict(memory.METRICS)
"""Every metric the lab knows, by name."""

FIRST_TOKEN_INCLUDES = "from image and instruction given to its text, the model loaded"
"""The extent of `first_token_s`, to be said where it is printed (PROTOCOL.md, workload `generate`)."""

VISION = (Stage.TILE, Stage.PATCH_EMBED, Stage.VIT, Stage.PROJECT)
VISIBLE = (Stage.DECODE, Stage.SAMPLE)
"""A token is visible when `detokenise` has ended; for a foreign tool, which does not time it, when these have."""


def samples_of(job: Job, events: Sequence[Event]) -> dict[str, tuple[float, ...]]:
    """Return, for each metric, one value for each measured iteration, in the order of iterations.

    `lab.scenario.workloads.WORKLOADS` lists the metrics of each kind of workload. A metric is left out when any
    iteration lacks the spans it needs: the invariants report what is missing.
    """
    spans = spans_by_iteration(events)
    rows = [_row(job, iteration, spans.get(iteration.iteration, [])) for iteration in measured(events)]
    whole = [name for name in METRICS if rows and all(name in row for row in rows)]
    return {name: tuple(row[name] for row in rows) for name in whole}


def iterations_of(events: Iterable[Event]) -> list[Iteration]:
    """Return all iterations, warm-up included, by number."""
    return sorted((e for e in events if isinstance(e, Iteration)), key=lambda iteration: iteration.iteration)


def measured(events: Iterable[Event]) -> list[Iteration]:
    """Return the iterations that were measured, without warm-up."""
    return [iteration for iteration in iterations_of(events) if iteration.phase == "measure"]


def spans_by_iteration(events: Iterable[Event]) -> dict[int, list[Span]]:
    """Return the spans of each iteration in the order they began, in one pass: a trial may have thousands."""
    found: dict[int, list[Span]] = {}
    for event in events:
        if isinstance(event, Span):
            found.setdefault(event.iteration, []).append(event)
    for spans in found.values():
        spans.sort(key=lambda span: span.start_ns)
    return found


def end_ns(span: Span) -> int:
    """Return the moment a span ended."""
    return span.start_ns + span.duration_ns


def true_count(spans: Iterable[Span], stage: Stage) -> int:
    """Return how many tiles or tokens a stage worked on, without padding."""
    return sum(s.count.true for s in spans if s.stage == stage and s.parent is None and s.count is not None)


def _row(job: Job, iteration: Iteration, spans: Sequence[Span]) -> dict[str, float]:
    whole_s = iteration.duration_ns * NS
    kind = job.work.kind
    apart = job.stages.get(Graph.PATCH_EMBED) != job.stages.get(Graph.VIT)
    in_turn = apart and isinstance(job.work, EncodeImageWork) and not job.work.pipelined
    if kind == "null":
        return {"null_s": whole_s}
    if kind == "load":
        return _sums(spans, {"load_s": Stage.LOAD})
    if kind == "encode_image":
        return {**_encode(spans, whole_s), **(_overlap(spans) if in_turn else {})}
    if kind == "prefill":
        return _prefill(spans, whole_s)
    if kind == "decode":
        return _decode(spans)
    vision = [span for span in spans if span.stage in VISION]
    encode_s = _wall(vision)
    prefill = _since_vision(spans, vision)
    early = isinstance(job.work, GenerateWork) and job.work.prefill_early
    waited_s = awaited_ns(spans) * NS if early else 0.0  # inside of the prefill, and the user's
    rest = [span for span in prefill if span.start_ns >= _second_embed(prefill)] if early else []
    return {
        **(_encode(spans, encode_s) if vision else {}),
        **(_prefill(spans, _wall(prefill) - waited_s) if prefill else {}),
        **({"prefill_rest_s": _wall(rest)} if rest else {}),
        **_decode(spans),
        **_sums(spans, {"first_token_s": Stage.FIRST_TOKEN, "unload_s": Stage.UNLOAD}),
    }


def _encode(spans: Sequence[Span], encode_s: float) -> dict[str, float]:
    stages = {
        "tile_s": Stage.TILE,
        "patch_embed_s": Stage.PATCH_EMBED,
        "vit_s": Stage.VIT,
        "project_s": Stage.PROJECT,
    }
    row = {"encode_s": encode_s, **_sums(spans, stages)}
    tiles = true_count(spans, Stage.VIT)
    if tiles and encode_s > 0:
        row["patches_per_s"] = tiles / encode_s
    return row


def _overlap(spans: Sequence[Span]) -> dict[str, float]:
    """Return the seconds that overlapping two units could hide in an iteration in which they took turns.

    The schedule model gets, batch by batch, the convolutions and the blocks with the projector. Tiling comes
    before both. Stages that did overlap may have slowed each other: their times would flatter the result.
    """
    batches = sorted({span.index for span in spans if span.stage == Stage.VIT})
    own = [s for s in spans if s.stage in (Stage.PATCH_EMBED, Stage.VIT, Stage.PROJECT) and s.parent is None]
    cpu = [sum(s.duration_ns for s in own if s.index == b and s.stage == Stage.PATCH_EMBED) for b in batches]
    npu = [sum(s.duration_ns for s in own if s.index == b and s.stage != Stage.PATCH_EMBED) for b in batches]
    if len(batches) < 2:
        return {}
    return {"overlap_possible_s": pipeline(cpu, npu).hidden * NS}


def _prefill(spans: Sequence[Span], prefill_s: float) -> dict[str, float]:
    row = {"prefill_s": prefill_s}
    tokens = true_count(spans, Stage.PREFILL)
    if tokens and prefill_s > 0:
        row["prefill_tokens_per_s"] = tokens / prefill_s
    return row


def _decode(spans: Sequence[Span]) -> dict[str, float]:
    """Return the time from the first to the last visible token, and tokens 2..N over it: N - 1 intervals."""
    later = [span for span in spans if span.stage == Stage.DECODE and span.parent is None]
    if not later:
        return {}
    shown = [end_ns(span) for span in spans if span.stage == Stage.DETOKENISE]
    first = [end_ns(span) for span in spans if span.stage == Stage.FIRST_TOKEN]
    begin = max(first) if first else min(shown) if len(shown) > len(later) else min(s.start_ns for s in later)
    visible = shown or [end_ns(span) for span in spans if span.stage in VISIBLE]
    decode_s = (max(visible) - begin) * NS
    tokens = true_count(later, Stage.DECODE) or len(later)  # a foreign tool's one span holds many
    return {"decode_s": decode_s, "decode_tokens_per_s": tokens / decode_s} if decode_s > 0 else {}


def _since_vision(spans: Sequence[Span], vision: Sequence[Span]) -> list[Span]:
    """Return embed and prefill spans that began after the image was encoded, up to the last prefill."""
    begin = max((end_ns(span) for span in vision), default=0)
    prefills = [span for span in spans if span.stage == Stage.PREFILL]
    end = max((end_ns(span) for span in prefills), default=0)
    embeds = [s for s in spans if s.stage == Stage.EMBED and s.start_ns >= begin and end_ns(s) <= end]
    return [*embeds, *prefills] if prefills else []


def awaited_ns(spans: Sequence[Span]) -> int:
    """Return how long an idle agent waited for the instruction; `first_token` begins when it arrives."""
    given = next((span.start_ns for span in spans if span.stage == Stage.FIRST_TOKEN), None)
    if given is None:
        return 0
    before = [end_ns(span) for span in spans if span.role != "user" and span.start_ns < given]
    return max(0, given - max(before, default=given))


def _second_embed(prefill: Sequence[Span]) -> int:
    """Return when the rest of a prompt was embedded, the first part of which was prefilled early."""
    return sorted(span.start_ns for span in prefill if span.stage == Stage.EMBED)[-1]


def _sums(spans: Sequence[Span], stages: Mapping[str, Stage]) -> dict[str, float]:
    """Return the total seconds of each stage that occurs; sub-spans are part of their parents."""
    found = {
        name: [span.duration_ns for span in spans if span.stage == stage and span.parent is None]
        for name, stage in stages.items()
    }
    return {name: sum(durations) * NS for name, durations in found.items() if durations}


def _wall(spans: Sequence[Span]) -> float:
    if not spans:
        return 0.0
    return (max(end_ns(span) for span in spans) - min(span.start_ns for span in spans)) * NS
