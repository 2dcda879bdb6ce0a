"""Precision recipes, and the arithmetic that converts float32 weights to what a build stores.

BlueLM-V-3B (arXiv 2411.10640, sec. 3.4) stores the ViT and the projector in INT8, the language model in
INT4 and the KV cache in INT8. Group size, symmetry and calibration are not published; ours: symmetric,
in blocks, round to nearest, cache scales from the largest value of the reference prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Storage = Literal["float32", "w4", "w8", "w8a8"]
CacheType = Literal["float32", "float16", "int8"]
BITS: Mapping[Storage, int] = {"float32": 32, "w8": 8, "w8a8": 8, "w4": 4}
"""Bits a weight, without scales."""


@dataclass(frozen=True)
class Recipe:
    """How each component is stored. `table` is the embedding table, `cache` the KV cache.

    `paper` keeps its cache in float16, which this runtime reads faster than the paper's INT8 (docs/adr/0018);
    `paper-kv8` is the paper's storage to the letter.

    `block` is how many weights of a row share one scale where the storage is `w4` or `w8`: 32, 64, 128 or 256.
    ONNX Runtime 1.32 has kernels for these and for 16; KleidiAI's, on Arm, need a multiple of 32 and rows that
    are whole blocks.
    """

    name: str
    vision: Storage
    projector: Storage
    language: Storage
    table: Literal["float32", "int8"]
    cache: CacheType
    block: int = 64


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("fp32", "float32", "float32", "float32", "float32", "float32"),
        Recipe("w8", "w8", "w8", "w8", "int8", "float32"),
        Recipe("w8a8", "w8a8", "w8a8", "w8a8", "int8", "float32"),
        Recipe("paper", "w8", "w8", "w4", "int8", "float16"),
        Recipe("paper-kv8", "w8", "w8", "w4", "int8", "int8"),
    )
}


_BLOCK = re.compile(r"(.+)-b(32|64|128|256)")


def recipe_named(name: str) -> Recipe:
    """Return a recipe; `-b32`, `-b64`, `-b128` or `-b256` behind its name gives blocks of so many weights.

    Raises ValueError for a name that is no recipe, and for blocks where a recipe has none.
    """
    found = _BLOCK.fullmatch(name)
    base = RECIPES.get(found[1] if found else name)
    if base is None:
        raise ValueError(f"wanted one of {', '.join(RECIPES)}, or one with -b128 behind it, found {name!r}")
    if found is None:
        return base
    if not {base.vision, base.projector, base.language} & {"w4", "w8"}:
        raise ValueError(f"{name}: {base.name} stores no weights in blocks: leave -b{found[2]} out")
    return replace(base, name=name, block=int(found[2]))


@dataclass(frozen=True)
class Blocks:
    """A matrix [N, K] in blocks along K, in MatMulNBits' layout.

    `packed` is uint8 [N, K / block, block * bits / 8], low nibble first, offset by 2**(bits - 1);
    `scales` is float32 [N, K / block]. If K is not a multiple of the block (SigLIP's 4304), zeros pad the
    packed weights, and only those, to one.
    """

    packed: Tensor
    scales: Tensor
    bits: int
    columns: int

    def dequantize(self) -> Tensor:
        """Return the weights as float32 [N, K], without padding."""
        rows = self.packed.shape[0]
        codes = self.packed
        if self.bits == 4:
            codes = torch.stack((codes & 15, codes >> 4), dim=-1).flatten(-2)
        centred = codes.float() - 2 ** (self.bits - 1)
        whole: Tensor = (centred * self.scales[..., None]).view(rows, -1)
        return whole[:, : self.columns]


SLAB = 2**20
"""Weights that are rounded at a time: 4 MB in float32, so that intermediate values stay in a processor's cache."""


def slabs(weight: Tensor) -> Iterator[Tensor]:
    """Yield a matrix [N, K] of any float type in float32, some of its rows at a time."""
    for rows in torch.split(weight, max(1, SLAB // weight.shape[1])):
        yield rows.float()


def quantize_blocks(weight: Tensor, bits: Literal[4, 8], block: int) -> Blocks:
    """Round [N, K] to `bits` symmetrically; the largest magnitude of a block maps to the largest code."""
    parts = [_round_blocks(rows, bits, block) for rows in slabs(weight)]
    packed, scales = (torch.cat(each) for each in zip(*parts, strict=True))
    return Blocks(packed, scales, bits, weight.shape[1])


def _round_blocks(weight: Tensor, bits: Literal[4, 8], block: int) -> tuple[Tensor, Tensor]:
    """Return packed codes and scales of some rows."""
    rows, columns = weight.shape
    blocks = functional.pad(weight, (0, -columns % block)).view(rows, -1, block)
    largest = 2 ** (bits - 1) - 1
    scales = blocks.abs().amax(-1) / largest
    codes = torch.round(blocks / scales.clamp_min(1e-30)[..., None]) + 2 ** (bits - 1)
    packed = codes.to(torch.uint8)
    return (packed[..., 0::2] | (packed[..., 1::2] << 4) if bits == 4 else packed), scales


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round [N, K] to codes uint8 [N, K] around 128 and one scale per row, float32 [N].

    Unsigned, because x86 processors without VNNI saturate products of unsigned activations and signed
    8-bit weights: the same model would give different answers on different machines.
    """
    parts = [_round_rows(rows) for rows in slabs(weight)]
    codes, scales = (torch.cat(each) for each in zip(*parts, strict=True))
    return codes, scales


def _round_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return codes and scales of some rows."""
    scales = weight.abs().amax(-1).clamp_min(1e-30) / 127
    return (torch.round(weight / scales[:, None]) + 128).to(torch.uint8), scales


def cache_scale(largest: Tensor) -> Tensor:
    """Return the INT8 scale for the largest magnitude of each channel [G, E]; larger values are clipped."""
    return largest.clamp_min(1e-6) / 127
