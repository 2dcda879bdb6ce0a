"""The fake phone's events: those of a good agent for a job, or with the wrong numbers of a bad one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from device_agents.contract import (
    PROTOCOL,
    DecodeWork,
    EncodeImageWork,
    End,
    Event,
    Fingerprint,
    GenerateWork,
    Hello,
    Inject,
    Input,
    Iteration,
    Job,
    LoadWork,
    NullWork,
    Output,
    PrefillWork,
    Span,
    Stage,
    Tokens,
    TokenTrail,
)

VISION_ROLES = {Stage.PATCH_EMBED: "cpu", Stage.VIT: "npu", Stage.PROJECT: "npu"}


@dataclass
class _Tape:
    """A serial time line of spans, one after the other.

    `npu_share` and `cpu_share` are the shares of a CPU that the stages of either unit use; `slow` says how many
    times longer stages take.
    """

    stage_ns: int
    npu_share: float
    cpu_share: float
    slow: Mapping[Stage, float]
    now_ns: int = 1_000
    spans: list[Span] = field(default_factory=list)

    def play(self, stage: Stage, iteration: int, index: int, role: str, count: Tokens | None) -> None:
        duration_ns = round(self.stage_ns * self.slow.get(stage, 1.0))
        span = Span(
            stage=stage,
            iteration=iteration,
            index=index,
            start_ns=self.now_ns,
            duration_ns=duration_ns,
            role=role,
            unit=role,
            thread=0,
            cpu_ns=round(duration_ns * (self.npu_share if role == "npu" else self.cpu_share)),
            count=count,
        )
        self.spans.append(span)
        self.now_ns += duration_ns


def events_of(job: Job, inputs: Mapping[str, Input], stage_s: float, fault: str) -> list[bytes]:
    """Return the lines for a job in which each stage takes `stage_s`, with the wrong numbers of `fault`."""
    slow = {job.inject.stage: job.inject.slow_down} if job.inject else {}
    npu_share, cpu_share = 0.97 if fault == "falls_back" else 0.03, 0.09 if fault == "starves" else 1.0
    tape = _Tape(round(stage_s * 1e9), npu_share, cpu_share, slow)
    events: list[Event] = [_hello(job)]
    iterations = job.warmup_iterations + job.iterations + (fault == "extra_iteration")
    for number in range(iterations):
        begin_ns, before = tape.now_ns, len(tape.spans)
        _work(job, inputs, number, tape, missing=fault == "short")
        if fault == "gap":
            tape.now_ns += tape.now_ns - begin_ns
        spans = tape.spans[before:]
        if fault == "overlap" and len(spans) > 1:
            late = spans[1].model_copy(
                update={"unit": spans[0].unit, "start_ns": spans[0].start_ns, "role": spans[0].role}
            )
            spans[1] = late
        events += spans
        phase = "warmup" if number < job.warmup_iterations else "measure"
        events.append(
            Iteration(iteration=number, phase=phase, start_ns=begin_ns, duration_ns=tape.now_ns - begin_ns)
        )
        events += _outputs(job, inputs, number, fault)
    counts = {kind: sum(isinstance(e, kind) for e in events) for kind in (Span, Iteration, Output)}
    left_on = Inject(stage=Stage.VIT, slow_down=1.1)
    events.append(
        End(
            spans=counts[Span] + (fault == "miscounts"),
            iterations=counts[Iteration],
            outputs=counts[Output],
            inject=left_on if fault == "injects" else job.inject,
        )
    )
    return [event.model_dump_json().encode() + b"\n" for event in events]


def _hello(job: Job) -> Hello:
    return Hello(
        protocol=PROTOCOL,
        agent="fake",
        agent_version="1",
        runtime="none",
        runtime_version="0",
        abi="none",
        cpu_features=[],
        units={name: unit.cores for name, unit in job.units.items()},
        pid=1,
        monotonic_ns=0,
        boot_ns=0,
        real_ns=0,
    )


def _work(job: Job, inputs: Mapping[str, Input], iteration: int, tape: _Tape, *, missing: bool) -> None:
    work, begin_ns = job.work, tape.now_ns
    if isinstance(work, NullWork):
        tape.now_ns += tape.stage_ns
    if isinstance(work, LoadWork):
        tape.play(Stage.LOAD, iteration, 0, "cpu", None)
    if isinstance(work, EncodeImageWork | GenerateWork):
        tape.play(Stage.TILE, iteration, 0, "cpu", None)
        for index, batch in enumerate(work.batches[missing:]):
            for stage, role in VISION_ROLES.items():
                tape.play(stage, iteration, index, role, Tokens(true=batch.true, padded=batch.padded))
    if isinstance(work, PrefillWork):
        _prefill(work.prompt_tokens - missing, work.parallel_tokens, iteration, tape)
    if isinstance(work, GenerateWork):
        if work.release_vision:
            tape.play(Stage.UNLOAD, iteration, 0, "cpu", None)
        given_ns = begin_ns + int((work.instruction_delay_s or 0.0) * 1e9)
        tape.now_ns = max(tape.now_ns, given_ns)
        _prefill(inputs[work.input].prompt_tokens - missing, work.parallel_tokens, iteration, tape)
        user = Span(
            stage=Stage.FIRST_TOKEN,
            iteration=iteration,
            index=0,
            start_ns=given_ns,
            duration_ns=tape.now_ns - given_ns,
            role="user",
            unit="user",
            thread=0,
            cpu_ns=0,
        )
        tape.spans.append(user)
    if isinstance(work, DecodeWork | GenerateWork):
        for index in range(work.new_tokens - 1 - missing):
            tape.play(Stage.DECODE, iteration, index, "npu", Tokens(true=1, padded=1))


def _prefill(tokens: int, parallel: int, iteration: int, tape: _Tape) -> None:
    for index, start in enumerate(range(0, tokens, parallel)):
        true = min(parallel, tokens - start)
        tape.play(Stage.PREFILL, iteration, index, "npu", Tokens(true=true, padded=parallel))


def _outputs(job: Job, inputs: Mapping[str, Input], iteration: int, fault: str) -> Iterator[Output]:
    work = job.work
    if isinstance(work, EncodeImageWork | GenerateWork):
        features = inputs[work.input].golden.features
        if features is not None:
            yield Output(kind="features", iteration=iteration, fingerprint=_wrong(features, fault))
    if isinstance(work, PrefillWork | GenerateWork):
        logits = inputs[work.input].golden.logits
        yield Output(kind="logits", iteration=iteration, fingerprint=_wrong(logits, fault))
    if isinstance(work, DecodeWork | GenerateWork):
        ids = inputs[work.input].golden.tokens.ids
        shift = int(fault == "wrong_output")
        said = [ids[i % len(ids)] + shift for i in range(work.new_tokens)]
        margin = math.nan if fault == "not_a_number" else 1.0
        yield Output(kind="tokens", iteration=iteration, tokens=TokenTrail(ids=said, margins=[margin] * len(said)))


def _wrong(found: Fingerprint, fault: str) -> Fingerprint:
    factor = {"wrong_output": -1.0, "not_a_number": math.nan}.get(fault, 1.0)
    return found.model_copy(update={"projections": [factor * p for p in found.projections]})
