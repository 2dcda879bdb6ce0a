"""How much a trial's files can hold: derived from its job, so that nothing longer is fetched or read.

spans    of an iteration, by its workload: load 2 for each graph file; images 1 + 3 for each batch; a prompt
         1 + one for each chunk, and 1 more in two parts; decoding 4 for each new token; 2 more for `swap` and
         `first_token`, and 1 for a release of the vision graphs
memory   1, and 4 more for the phases of a `generate`
lines    MARGIN x iterations (warm-up too) x (spans + `iteration` + 3 outputs + `memory`) + OTHER_LINES
bytes    lines x SPAN_BYTES + iterations x 3 outputs x output + OTHER_BYTES
output   OUTPUT_BYTES + TOKEN_BYTES for each new token
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_agents.contract import (
    DecodeWork,
    EncodeImageWork,
    EvaluateWork,
    GenerateWork,
    Input,
    Job,
    LoadWork,
    PrefillWork,
)

QUESTION_SPANS = 512
"""Spans of a question before its answer. A judgement: 17 tiles one by one and a prompt of 4,096 tokens in chunks
of 32 are 180."""

MARGIN = 2
"""How many times the spans that our agents write an agent may write: sub-spans, say; a judgement."""

GRAPH_FILES = 256
"""Graph files that a build has at most; a judgement: the largest of ours has 12."""

OTHER_LINES = 100
"""Lines beside those of iterations: `hello`, `error` and `end` are three; a judgement."""

SPAN_BYTES = 512
"""A span's line. The longest of our agents' are 320 bytes; a judgement."""

OUTPUT_BYTES = 4096
"""An output's line without its tokens: 64 projections and a norm of at most 25 characters, and the keys."""

TOKEN_BYTES = 48
"""A token in an output: an id of at most 19 digits, a margin of at most 25 characters, two commas."""

OTHER_BYTES = 256 * 1024
"""Bytes of other lines: an `error` quotes its runtime; a judgement."""

PRINTED_BYTES = 16 * 2**20
"""What a program may print, to standard output and to standard error. A judgement: a tool's report has kilobytes,
a runtime's warnings megabytes at most."""

OUTPUTS = 3
"""Kinds of outputs: features, logits, tokens."""

PHASES = 4
"""Phases of a `generate` in the memory pass: load, encode, prefill, decode."""


@dataclass(frozen=True)
class Limits:
    """The most bytes and lines of an events file, and the most bytes of one of its lines."""

    bytes: int
    lines: int
    line_bytes: int


def limits_of(job: Job, inputs: Mapping[str, Input]) -> Limits:
    """Return the limits of a job's events; `inputs` holds the input that its work names, if it names one."""
    iterations = job.warmup_iterations + job.iterations
    lines = MARGIN * iterations * (_spans(job, inputs) + 1 + OUTPUTS + _memory(job)) + OTHER_LINES
    output = OUTPUT_BYTES + TOKEN_BYTES * _new_tokens(job)
    whole = lines * SPAN_BYTES + iterations * OUTPUTS * output + OTHER_BYTES
    return Limits(whole, lines, output + OTHER_BYTES)


def _spans(job: Job, inputs: Mapping[str, Input]) -> int:
    """Return how many spans an iteration has, as our agents write them, or a few fewer."""
    work, spans = job.work, 2
    if isinstance(work, LoadWork):
        spans += 2 * GRAPH_FILES
    if isinstance(work, EncodeImageWork | GenerateWork):
        spans += 1 + 3 * len(work.batches)
    if isinstance(work, PrefillWork):
        spans += 1 + -(-work.prompt_tokens // work.parallel_tokens)
    if isinstance(work, GenerateWork):
        spans += work.prefill_early + work.release_vision
        spans += 1 + -(-inputs[work.input].prompt_tokens // work.parallel_tokens)
    if isinstance(work, EvaluateWork):
        spans += QUESTION_SPANS + work.most_tokens  # a `piece` for each token
    return spans + 4 * _new_tokens(job)


def _memory(job: Job) -> int:
    """Return how many `memory` events an iteration has at most."""
    return 1 + (PHASES if isinstance(job.work, GenerateWork) else 0)


def _new_tokens(job: Job) -> int:
    if isinstance(job.work, EvaluateWork):
        return job.work.most_tokens
    return job.work.new_tokens if isinstance(job.work, DecodeWork | GenerateWork) else 0
