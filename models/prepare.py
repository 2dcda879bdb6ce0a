"""Prepare an image file and an instruction as an Input: pixels, grid, prompt and the oracle's answers.

    python -m models.prepare photo.jpg --instruction "What is this?" --model nano --out folder

Decides once, here, what agents would otherwise have to decide: decoding, the grid, the image's place on
it and the prompt's order. The fp32 torch model computes the golden outputs.
"""

from __future__ import annotations

from device_agents import ending
from models.extras import need

if __name__ == "__main__":  # before the imports below would fail with a traceback
    need("prepare", "models", "torch", "PIL")

import argparse
import hashlib
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
    Image,
    Input,
    Placement,
    Segment,
    TokenTrail,
    canonical_json,
    fingerprint,
)
from models import tokenizer
from models.errors import PrepareError
from models.images import read_image
from models.language import Cache
from models.mllm import PRESETS, Mllm, random_mllm
from models.resolution import choose_grid, place, square_candidates

Pixels = npt.NDArray[np.uint8]

ORACLE_TOKENS = 128
"""Greedy tokens in the oracle's answer: the longest answer a scenario may check."""

ORACLE_CHUNK = 512
"""Prompt tokens per call when the oracle prefills; they do not affect its answer."""

BEFORE = [tokenizer.BEGIN, *tokenizer.encode("User: ")]
AFTER = tokenizer.encode("\nAssistant: ")
"""What every prompt opens and ends with; a judgement: the paper does not publish its template."""

CANDIDATES = square_candidates(4)
"""1:1 to 4:4: implied by the paper's training up to 16 patches (arXiv 2411.10640, Tab. 8)."""


@dataclass(frozen=True)
class Prepared:
    """An Input, the pixels it names, and the tensors that calibrate a quantised cache."""

    input: Input
    pixels: Pixels | None
    prompt: Tensor
    logits: Tensor
    features: Tensor | None
    cache: Cache


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


def placed(width: int, height: int, tile: int) -> Placement:
    """Return where an image of this size lies on its grid of tiles, by the relaxed rule."""
    grid = choose_grid(width, height, rule="relaxed", candidates=CANDIDATES, tile=tile)
    return place(width, height, grid, rule="relaxed", tile=tile)


def prompt_of(ask: list[int], *, image: bool) -> list[Segment]:
    """Return the prompt that asks `ask`: the image, if there is one, comes before the request."""
    return [Segment(ids=BEFORE), *([Segment(ids=None)] if image else []), Segment(ids=ask + AFTER)]


@torch.inference_mode()
def prepare(
    model: Mllm, name: str, pixels: Pixels | None, instruction: str, *, prompt_tokens: int | None = None
) -> Prepared:
    """Prepare one image and instruction, and ask the oracle.

    `prompt_tokens` sets an exact length: the instruction is cut, or padded with spaces, to reach it.
    Raises PrepareError if the prompt and an answer do not fit into the model's cache.
    """
    config = model.config
    placement: Placement | None = None
    features: Tensor | None = None
    if pixels is not None:
        height, width = pixels.shape[:2]
        tile = config.vision.tile_pixels
        placement = placed(width, height, tile)
        features = model.encode(tiles_of(pixels, placement, tile))
    image_tokens = 0 if features is None else len(features)
    ask = tokenizer.encode(instruction)
    if prompt_tokens is not None:
        room = prompt_tokens - image_tokens - len(BEFORE) - len(AFTER)
        if room < 0:
            raise PrepareError(
                f"wanted a prompt of {prompt_tokens} tokens, found {prompt_tokens - room} in image and template "
                "alone: ask for a longer prompt"
            )
        ask = (ask + tokenizer.encode(" ") * room)[:room]
    segments = prompt_of(ask, image=features is not None)
    total = image_tokens + sum(len(segment.ids or ()) for segment in segments)
    limit = config.language.cache_tokens - ORACLE_TOKENS
    if total > limit:
        raise PrepareError(
            f"wanted a prompt of at most {limit} tokens (the cache of {config.name} holds "
            f"{config.language.cache_tokens}, {ORACLE_TOKENS} are for the answer); found {total}, of which "
            f"{image_tokens} are for the image: shorten the instruction"
        )
    prompt, logits, cache, tokens = ask_oracle(model, segments, features)
    document = Input(
        protocol=PROTOCOL,
        name=name,
        image=None if pixels is None else image_of(pixels),
        placement=placement,
        segments=segments,
        prompt_tokens=total,
        instruction=instruction,
        golden=Golden(features=None if features is None else told(features), logits=told(logits), tokens=tokens),
    )
    return Prepared(document, pixels, prompt, logits, features, cache)


def ask_oracle(
    model: Mllm, segments: list[Segment], features: Tensor | None
) -> tuple[Tensor, Tensor, Cache, TokenTrail]:
    """Prefill and answer greedily in fp32 -> prompt embeddings, last logits, the prompt's cache, tokens."""
    parts = [
        features if segment.ids is None else model.language.embed(torch.tensor(segment.ids))
        for segment in segments
    ]
    prompt = torch.cat([part for part in parts if part is not None])
    cache = Cache.empty(model.config.language)
    logits = model.prefill(prompt, cache, ORACLE_CHUNK)
    filled = Cache([k.clone() for k in cache.keys], [v.clone() for v in cache.values], cache.tokens)
    stream = model.decode(logits, cache)
    answer = [next(stream) for _ in range(ORACLE_TOKENS)]
    return prompt, logits, filled, TokenTrail(ids=[t for t, _ in answer], margins=[m for _, m in answer])


def told(values: Tensor) -> Fingerprint:
    """Return the fingerprint of a tensor."""
    return fingerprint(values.numpy())


def image_of(pixels: Pixels) -> Image:
    """Describe pixels [H, W, 3] for an Input."""
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Image(path="pixels.rgb8", sha256=digest, width=width, height=height)


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
    parser.add_argument("--model", choices=["tiny", "nano", "bench"], default="nano")
    parser.add_argument("--seed", type=int, default=0, help="seed of the model's weights (default 0)")
    parser.add_argument("--name", default="mine", help="the input's name in scenarios (default mine)")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        pixels = read_image(arguments.image)
        model = random_mllm(PRESETS[arguments.model], arguments.seed)
        prepared = prepare(model, arguments.name, pixels, arguments.instruction)
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


if __name__ == "__main__":
    ending.run("prepare", main)
