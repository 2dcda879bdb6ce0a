"""Prepare an image file and an instruction as an Input: pixels, grid, prompt and the oracle's answers.

    python -m models.prepare photo.jpg --instruction "What is this?" --model nano --out folder

Decides once, here, what agents would otherwise have to decide: decoding, the grid, the image's place on
it and the prompt's order. The fp32 torch model computes the golden outputs.
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("prepare", "models", "torch", "PIL", "safetensors")

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from device_agents.contract import (
    PROTOCOL,
    Fingerprint,
    Golden,
    Input,
    Placement,
    Segment,
    TokenTrail,
    canonical_json,
    fingerprint,
    manifest_of,
)
from models import origins, tokenizer
from models.errors import PrepareError
from models.images import image_of, read_image
from models.language import Cache
from models.mllm import PRESETS, Mllm, MllmConfig, skeleton
from models.prompt import TEMPLATE, placed, prompt_of
from models.weights import filled

Pixels = npt.NDArray[np.uint8]

ORACLE_TOKENS = 128
"""Greedy tokens in the oracle's answer: the longest answer a scenario may check."""

ORACLE_TOKENS_LARGE = 64
"""The same for a language model held in 16 bits (:data:`models.weights.WIDE_BYTES`): what `throughput` decodes."""

ORACLE_CHUNK = 512
"""Prompt tokens per call when the oracle prefills; they do not affect its answer."""

LAST_POSITIONS = 256
"""The oracle's logits are kept at this many positions at the end of the prompt, to judge a build by."""


@dataclass(frozen=True)
class Draft:
    """An image's place and a prompt's order: everything of an Input that needs no weights."""

    name: str
    instruction: str
    pixels: Pixels | None
    placement: Placement | None
    segments: list[Segment]
    prompt_tokens: int


@dataclass(frozen=True)
class Prepared:
    """An Input, the pixels it names, and what judges and calibrates a build.

    `logits` [k, V] are the oracle's at the last positions of the prompt [n, H], at most `LAST_POSITIONS`;
    `largest` is the largest key and value of each channel [G, E] in each layer.
    """

    input: Input
    pixels: Pixels | None
    prompt: Tensor
    logits: Tensor
    features: Tensor | None
    largest: tuple[list[Tensor], list[Tensor]]


def tiles_of(pixels: Pixels, placement: Placement, tile: int) -> Tensor:
    """Cut an image [H, W, 3] into tiles [n, 3, tile, tile] in `order`, as the `tile` graph must.

    Bicubic with antialiasing on black, then (x / 255 - 0.5) / 0.5 (SigLIP). The paper names no filter; its
    rule builds on LLaVA-NeXT's code, which uses Pillow's default, this filter.
    """
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()

    def resized(height: int, width: int) -> Tensor:
        scaled = functional.interpolate(planes, (height, width), mode="bicubic", antialias=True)
        return scaled[0].clamp(0.0, 255.0) / 127.5 - 1.0

    rows, columns = placement.rows, placement.columns
    canvas = torch.full((3, rows * tile, columns * tile), -1.0)
    bottom, right = placement.top + placement.fit_height, placement.left + placement.fit_width
    canvas[:, placement.top : bottom, placement.left : right] = resized(placement.fit_height, placement.fit_width)
    squares = canvas.view(3, rows, tile, columns, tile).permute(1, 3, 0, 2, 4).reshape(-1, 3, tile, tile)
    return torch.cat((resized(tile, tile)[None], squares))[placement.order]


def draft(
    config: MllmConfig, name: str, pixels: Pixels | None, instruction: str, *, prompt_tokens: int | None = None
) -> Draft:
    """Choose the image's grid and lay out the prompt.

    `prompt_tokens` sets an exact length: the instruction is cut, or padded with spaces, to reach it.
    Raises PrepareError if the prompt and an answer do not fit into the model's cache.
    """
    placement: Placement | None = None
    if pixels is not None:
        height, width = pixels.shape[:2]
        tile = config.vision.tile_pixels
        placement = placed(width, height, tile)
    image_tokens = 0 if placement is None else len(placement.order) * config.tokens_per_tile
    ask = tokenizer.encode(instruction)
    if prompt_tokens is not None:
        room = prompt_tokens - image_tokens - TEMPLATE
        if room < 0:
            raise PrepareError(
                f"wanted a prompt of {prompt_tokens} tokens, found {prompt_tokens - room} in image and template "
                "alone: ask for a longer prompt"
            )
        ask = (ask + tokenizer.encode(" ") * room)[:room]
    total = image_tokens + TEMPLATE + len(ask)
    limit = config.language.cache_tokens - ORACLE_TOKENS
    if total > limit:
        raise PrepareError(
            f"wanted a prompt of at most {limit} tokens (the cache of {config.name} holds "
            f"{config.language.cache_tokens}, {ORACLE_TOKENS} are for the answer); found {total}, of which "
            f"{image_tokens} are for the image: shorten the instruction"
        )
    segments = prompt_of(ask, image=pixels is not None)
    return Draft(name, instruction, pixels, placement, segments, total)


@torch.inference_mode()
def look(model: Mllm, seen: Draft) -> Tensor | None:
    """Return the image tokens [N * T, H] of a draft, None without an image; needs no language model."""
    if seen.pixels is None or seen.placement is None:
        return None
    return model.encode(tiles_of(seen.pixels, seen.placement, model.config.vision.tile_pixels))


@torch.inference_mode()
def answer(model: Mllm, asked: Draft, features: Tensor | None) -> Prepared:
    """Ask the oracle's language model about a draft and its image tokens."""
    parts = [
        features if segment.ids is None else model.language.embed(torch.tensor(segment.ids))
        for segment in asked.segments
    ]
    prompt = torch.cat([part for part in parts if part is not None])
    cache = Cache.empty(model.config.language)
    logits = prefill(model, prompt, cache)
    filled = slice(0, len(prompt))
    keys, values = ([t[:, filled].abs().amax(1) for t in tensors] for tensors in (cache.keys, cache.values))
    stream = model.decode(logits[-1], cache)
    tokens = [next(stream) for _ in range(oracle_tokens(model))]
    document = Input(
        protocol=PROTOCOL,
        name=asked.name,
        image=None if asked.pixels is None else image_of(asked.pixels),
        placement=asked.placement,
        segments=asked.segments,
        prompt_tokens=asked.prompt_tokens,
        instruction=asked.instruction,
        golden=Golden(
            features=None if features is None else told(features),
            logits=told(logits[-1]),
            tokens=TokenTrail(ids=[token for token, _ in tokens], margins=[margin for _, margin in tokens]),
        ),
    )
    return Prepared(document, asked.pixels, prompt, logits, features, (keys, values))


def prefill(model: Mllm, prompt: Tensor, cache: Cache) -> Tensor:
    """Fill the cache with a prompt [n, H] -> logits [k, V] at its last positions, at most `LAST_POSITIONS`."""
    logits = []
    for start in range(0, len(prompt), ORACLE_CHUNK):
        chunk = prompt[start : start + ORACLE_CHUNK]
        first = min(len(chunk), max(0, len(prompt) - LAST_POSITIONS - start))
        logits.append(model.language(chunk, cache, torch.arange(first, len(chunk))))
    return torch.cat(logits)


def oracle_tokens(model: Mllm) -> int:
    """Return how many tokens the oracle answers: each reads every weight again."""
    wide = model.language.head.weight.dtype == torch.float32
    return ORACLE_TOKENS if wide else ORACLE_TOKENS_LARGE


def prepare(
    model: Mllm, name: str, pixels: Pixels | None, instruction: str, *, prompt_tokens: int | None = None
) -> Prepared:
    """Prepare one image and instruction with a whole model; raise PrepareError as :func:`draft` does."""
    asked = draft(model.config, name, pixels, instruction, prompt_tokens=prompt_tokens)
    return answer(model, asked, look(model, asked))


def told(values: Tensor) -> Fingerprint:
    """Return the fingerprint of a tensor."""
    return fingerprint(values.numpy())


def write_input(prepared: Prepared, folder: Path) -> None:
    """Write `input.json` and, if there is an image, `pixels.rgb8` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    if prepared.pixels is not None:
        (folder / "pixels.rgb8").write_bytes(prepared.pixels.tobytes())
    (folder / "input.json").write_bytes(canonical_json(prepared.input))


def main() -> int:
    """Prepare one input from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.prepare", description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--instruction", required=True)
    parser.add_argument("--model", choices=sorted(PRESETS), default="nano")
    origins.add_options(parser)
    parser.add_argument(
        "--build", type=Path, help="a manifest.json: its model and weights, instead of these options"
    )
    parser.add_argument("--name", default="mine", help="the input's name in scenarios (default mine)")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        pixels = read_image(arguments.image)
        config, origin = model_of(arguments)
        asked = draft(config, arguments.name, pixels, arguments.instruction)
        model, source = skeleton(config), origins.open_source(config, origin)
        with filled(model, source, "vision", "projector"):
            features = look(model, asked)
        with filled(model, source, "language"):
            prepared = answer(model, asked, features)
        write_input(prepared, arguments.out)
    except (PrepareError, OSError) as error:
        print(f"prepare: {error}", file=sys.stderr)  # noqa: T201 - this is the program's message
        return 2
    placement = prepared.input.placement
    assert placement is not None
    print(  # noqa: T201 - this is the program's answer
        f"{arguments.out}: {placement.columns}:{placement.rows}, {len(placement.order)} tiles, "
        f"{prepared.input.prompt_tokens} prompt tokens"
    )
    return 0


def model_of(arguments: argparse.Namespace) -> tuple[MllmConfig, origins.Origin]:
    """Return the model and the origin of its weights that the options or a build name."""
    if arguments.build is None:
        return PRESETS[arguments.model], origins.chosen(arguments, arguments.model)
    try:
        manifest = manifest_of(json.loads(arguments.build.read_bytes()))
    except ValueError as error:  # pydantic's errors are some
        raise PrepareError(f"{arguments.build}: wanted a build's manifest: {error}") from error
    origin = origins.again(manifest, arguments.build)
    if manifest.model not in PRESETS:
        raise PrepareError(
            f"{arguments.build}: wanted a model of models/ ({', '.join(PRESETS)}), found {manifest.model}: "
            "prepare the input with whatever made the build"
        )
    return PRESETS[manifest.model], origin


if __name__ == "__main__":
    ending.run("prepare", main)
