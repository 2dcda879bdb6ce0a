"""The kinds of workload: their parameters and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from device_agents.contract import Name
from lab.documents.tables import Table
from lab.scenario.plan import Positive

MEMORY = (
    "peak_rss_bytes",
    *(f"peak_rss_{phase}_bytes" for phase in ("load", "encode", "prefill", "decode")),
    "peak_pss_bytes",
    "peak_dmabuf_bytes",
)
"""The metrics of memory: every trial of a scenario that asks about one is a memory pass, which is never timed."""

CORES = Literal["split", "all", "first"]
"""`split`: vision's CPU stages on the first half of the cores, its NPU stages on the second; `all`: every
graph on every core, one after the other; `first`: the same on the first core alone, so that others stay free."""


class Vision(Table):
    """The encoding of an image's tiles."""

    patches_per_batch: Positive
    pipelined: bool = True
    remainder: Literal["exact", "padded"] = "exact"
    order: Literal["largest_first", "smallest_first"] = "largest_first"
    placement: CORES = "split"


class EncodeImage(Vision):
    """Image -> image tokens."""

    input: Name = "screen"


class Prefill(Table):
    """A prompt of `prompt_tokens` true tokens (0: all of it), prefilled `parallel_tokens` a call."""

    input: Name = "screen"
    prompt_tokens: Annotated[int, Field(ge=0)] = 0
    parallel_tokens: Positive
    placement: CORES = "all"


class Decode(Table):
    """`new_tokens` decoded one by one after `context_tokens`; a rate needs at least two."""

    input: Name = "screen"
    context_tokens: Positive
    new_tokens: Annotated[int, Field(ge=2)]
    parallel_tokens: Positive = 128
    placement: CORES = "all"


class Generate(Vision):
    """Image and instruction -> streamed text; `coupled`: both are given at the start.

    A parameter that is not chosen and has its default is left out of a cell, so that cells measured before it
    existed stay the same cells.
    """

    input: Name = "screen"
    patches_per_batch: Positive = 4
    parallel_tokens: Positive = 128
    new_tokens: Annotated[int, Field(ge=2)] = 64
    coupled: bool = True
    instruction_delay_s: Annotated[float, Field(ge=0, lt=3600)] | None = Field(
        None, exclude_if=lambda it: it is None
    )
    prefill_early: bool = Field(False, exclude_if=lambda it: not it)
    release_vision: bool = Field(False, exclude_if=lambda it: not it)


class Evaluate(Table):
    """A question set -> answers, each question once; `view` is what it shows of each image.

    `whole`: the image as it is; `blank`: all of it one grey; `thumbnail`: the thumbnail without the tiles.
    """

    questions: Name = "questions"
    view: Literal["whole", "blank", "thumbnail"] = "whole"
    patches_per_batch: Positive = 4
    pipelined: bool = False
    parallel_tokens: Positive = 128
    most_tokens: Positive = 32
    placement: CORES = "all"


class Bare(Table):
    """A workload without input: `load`, `null`."""

    placement: CORES = "all"


@dataclass(frozen=True)
class Workload:
    """The parameters of a kind, and the metrics of its trials."""

    parameters: type[Table]
    metrics: tuple[str, ...]


_ENCODE = ("encode_s", "patches_per_s", "tile_s", "patch_embed_s", "vit_s", "project_s")
_PREFILL = ("prefill_s", "prefill_tokens_per_s")
_DECODE = ("decode_s", "decode_tokens_per_s")

WORKLOADS: Mapping[str, Workload] = {
    "encode_image": Workload(EncodeImage, (*_ENCODE, "overlap_possible_s")),
    "prefill": Workload(Prefill, _PREFILL),
    "decode": Workload(Decode, _DECODE),
    "generate": Workload(
        Generate, ("first_token_s", *_ENCODE, *_PREFILL, "prefill_rest_s", *_DECODE, "unload_s", *MEMORY)
    ),
    "evaluate": Workload(Evaluate, ("accuracy", "answers_per_s", "decode_tokens_per_s")),
    "load": Workload(Bare, ("load_s",)),
    "null": Workload(Bare, ("null_s",)),
}
"""Every kind of workload that a scenario can name."""
