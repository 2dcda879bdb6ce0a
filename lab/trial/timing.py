"""Times that must agree: clocks, overlaps on one unit, gaps, and totals with their parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from device_agents.contract import DecodeWork, GenerateWork, Hello, InvalidReason, Iteration, Job, Span, Stage
from lab.records.telling import shares
from lab.trial.flaws import Found
from lab.trial.metrics import NS, VISIBLE, VISION, awaited_ns, end_ns

GAP_FLOOR_NS = 10_000_000
"""Uncovered time allowed in any iteration (10 ms): a judgement. It matters only to iterations under 0.1 s (at a
`max_gap` of 10 %), as on the `tiny` preset, where a hand-over between two threads took up to 4 ms of 5 ms on a
busy host (on `nano` 0.2 to 0.7 % of 300 ms). The gap itself is always reported."""

CLOCK_GRAIN_NS = 1_000_000
"""How far two readings of one monotonic clock may contradict each other (1 ms): some clocks advance by the tick of
a fast kernel timer; a judgement. Our agents' clocks count single nanoseconds."""

CLOCK_DRIFT = 0.01
"""How much faster a device's clock may run than the host's: far beyond any crystal (some 0.0001), far below a
clock that jumps by an amount that matters; a judgement."""

INSTRUCTION_S = 0.05
"""How far from its time an instruction may be given: an agent that begins an iteration may be late by a time slice
or two of its kernel (PROTOCOL.md); a judgement."""

HOST_GRAIN_NS = 100_000_000
"""How much shorter than the device's the host's time of a trial may be beside the drift (0.1 s); a judgement."""


def clocks(hello: Hello, iterations: Sequence[Iteration], spans: Iterable[Span], wall_s: float | None) -> None:
    """Refuse times that a monotonic clock cannot show; `iterations` are all of them, by number.

    `wall_s` is how long the process ran by the host's clock, None where the lab did not see all of it. The
    device's time of day (`real_ns`) shows nothing: a phone without a network may be years off.
    """
    before = hello.monotonic_ns
    for iteration in iterations:
        if iteration.start_ns < before - CLOCK_GRAIN_NS:
            raise Found(
                InvalidReason.CLOCK_JUMP,
                f"iteration {iteration.iteration} began {(before - iteration.start_ns) / 1e9:.3f} s before the "
                "end of what came before it: the device's clock went back",
            )
        before = iteration.start_ns + iteration.duration_ns
    whole = {iteration.iteration: iteration for iteration in iterations}
    for span in spans:
        around = whole.get(span.iteration)
        if around is not None and (outside_ns := _outside_ns(span, around)) > CLOCK_GRAIN_NS:
            raise Found(
                InvalidReason.CLOCK_JUMP,
                f"iteration {span.iteration}: `{span.stage}` {span.index} lies {outside_ns / 1e9:.3f} s "
                "outside of it: the device's clock jumped, or these are two clocks",
            )
    inside_ns = sum(iteration.duration_ns for iteration in iterations)
    if wall_s is not None and inside_ns > wall_s * 1e9 * (1 + CLOCK_DRIFT) + HOST_GRAIN_NS:
        raise Found(
            InvalidReason.CLOCK_JUMP,
            f"the iterations took {inside_ns / 1e9:.3f} s by the device's clock, but the whole trial only "
            f"{wall_s:.3f} s by the host's: the device's clock jumped ahead",
        )


def _outside_ns(span: Span, around: Iteration) -> int:
    late = end_ns(span) - around.start_ns - around.duration_ns
    return max(around.start_ns - span.start_ns, late)


def overlap(iteration: int, spans: Iterable[Span]) -> None:
    """Refuse overlapping spans on one unit; sub-spans lie inside their parents and do not count."""
    last: dict[str, Span] = {}
    for span in spans:
        if span.parent is not None or span.role == "user":
            continue
        before = last.get(span.unit)
        if before is not None and span.start_ns < end_ns(before):
            raise Found(
                InvalidReason.SPAN_OVERLAP,
                f"iteration {iteration}: unit {span.unit} did `{before.stage}` {before.index} and "
                f"`{span.stage}` {span.index} at once for {(end_ns(before) - span.start_ns) / 1e6:.3f} ms",
            )
        last[span.unit] = span


def gap(job: Job, iteration: Iteration, spans: Sequence[Span], max_gap: float, notes: dict[str, float]) -> None:
    """Refuse an iteration that its spans leave too much uncovered; `notes` gets the largest uncovered share.

    The time that an agent waits for the user's instruction is not the agent's, and counts for nothing.
    """
    if not spans:  # the null workload has no stage to cover anything with
        return
    stop_ns = iteration.start_ns + iteration.duration_ns
    worked_ns = iteration.duration_ns - (awaited_ns(spans) if _waits(job) else 0)
    gap_ns = worked_ns - covered_ns(spans, iteration.start_ns, stop_ns)
    share = gap_ns / worked_ns if worked_ns else 0.0
    notes["gap_fraction"] = max(share, notes.get("gap_fraction", 0.0))
    if gap_ns > GAP_FLOOR_NS and share > max_gap:
        found, most = shares(share, max_gap)
        raise Found(
            InvalidReason.SPAN_GAP,
            f"iteration {iteration.iteration}: spans leave {gap_ns / 1e6:.3f} ms of "
            f"{worked_ns / 1e6:.3f} ms uncovered ({found}, allowed {most})",
        )


def covered_ns(spans: Iterable[Span], begin: int, stop: int) -> int:
    """Return how many nanoseconds from `begin` to `stop` at least one span of work covers."""
    covered, reached = 0, begin
    for span in sorted(spans, key=lambda span: span.start_ns):
        if span.role == "user":
            continue
        start, end = max(span.start_ns, reached), min(end_ns(span), stop)
        if end > start:
            covered += end - start
            reached = end
    return covered


def _waits(job: Job) -> bool:
    return isinstance(job.work, GenerateWork) and job.work.instruction_delay_s is not None


def instruction(job: Job, iteration: Iteration, spans: Sequence[Span]) -> None:
    """Refuse a wait that does not begin when the job's instruction arrives."""
    work = job.work
    if not isinstance(work, GenerateWork) or work.instruction_delay_s is None:
        return
    for span in spans:
        given_s = (span.start_ns - iteration.start_ns) * NS
        if span.stage == Stage.FIRST_TOKEN and abs(given_s - work.instruction_delay_s) > INSTRUCTION_S:
            raise Found(
                InvalidReason.SPAN_GAP,
                f"iteration {iteration.iteration}: the wait for the first token begins {given_s:.3f} s after the "
                f"image, the job gives the instruction after {work.instruction_delay_s:g} s",
            )


def first_token(job: Job, iteration: int, spans: Sequence[Span]) -> None:
    """Refuse a time to first token that is shorter than its parts, the encoding and the prefill."""
    if not (isinstance(job.work, GenerateWork) and job.work.coupled):
        return  # decoupled, the image is encoded before the user is done typing
    waits = [span.duration_ns for span in spans if span.stage == Stage.FIRST_TOKEN]
    encode_ns = _wall_ns([span for span in spans if span.stage in VISION])
    prefill_ns = _wall_ns([span for span in spans if span.stage == Stage.PREFILL])
    if waits and encode_ns + prefill_ns > min(waits) + CLOCK_GRAIN_NS:
        raise Found(
            InvalidReason.SPAN_GAP,
            f"iteration {iteration}: the first token is reported after {min(waits) / 1e6:.3f} ms, but its parts, "
            f"the encoding ({encode_ns / 1e6:.3f} ms) and the prefill ({prefill_ns / 1e6:.3f} ms), take longer",
        )


def tokens(job: Job, iteration: int, spans: Sequence[Span], max_gap: float) -> None:
    """Refuse a decode time that is not the sum of its tokens' times.

    Every new token must become visible once, in order, and the stages of tokens 2 to N must account for the time
    from the first visible token to the last.
    """
    if not isinstance(job.work, GenerateWork | DecodeWork):
        return
    shown = {span.index: end_ns(span) for span in spans if span.stage == Stage.DETOKENISE}
    written = sum(span.stage == Stage.DETOKENISE for span in spans)
    if shown and (written != job.work.new_tokens or len(shown) != written):
        raise Found(
            InvalidReason.WRONG_TOKEN_COUNT,
            f"iteration {iteration}: `detokenise` made {written} tokens visible, {len(shown)} of them different "
            f"ones; the job asks for {job.work.new_tokens}",
        )
    if shown and (late := [index for index in shown if shown.get(index - 1, 0) > shown[index]]):
        raise Found(
            InvalidReason.WRONG_TOKEN_COUNT,
            f"iteration {iteration}: token {late[0]} was visible before token {late[0] - 1}",
        )
    ends = list(shown.values()) or [end_ns(span) for span in spans if span.stage in VISIBLE]
    if len(ends) < 2:
        return
    decode_ns = max(ends) - min(ends)
    gap_ns = decode_ns - covered_ns(spans, min(ends), max(ends))
    if gap_ns > GAP_FLOOR_NS and gap_ns > max_gap * decode_ns:
        found, most = shares(gap_ns / decode_ns, max_gap)
        raise Found(
            InvalidReason.SPAN_GAP,
            f"iteration {iteration}: tokens 2 to {len(ends)} took {decode_ns / 1e6:.3f} ms, their stages only "
            f"{(decode_ns - gap_ns) / 1e6:.3f} ms of it ({found} missing, allowed {most})",
        )


def _wall_ns(spans: Sequence[Span]) -> int:
    if not spans:
        return 0
    return max(end_ns(span) for span in spans) - min(span.start_ns for span in spans)
