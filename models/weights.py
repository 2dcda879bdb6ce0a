"""Where weights come from: a source gives tensors by name (as in `Mllm.state_dict()`) and shape, one at a time.

A model is filled part by part, so a model of any size needs the memory of its largest part: 16-bit matrices of a
large language model stay in 16 bits (:class:`models.language.Linear`). Files are sources in
:mod:`models.checkpoints`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

Part = Literal["vision", "projector", "language"]

PARTS: Mapping[Part, tuple[str, ...]] = {
    "vision": ("patch_embedding", "vision"),
    "projector": ("projector",),
    "language": ("language",),
}
"""The modules of an Mllm that a part fills: parts may come from different sources."""

WIDE_BYTES = 2**31
"""A part whose float32 values take at most this is held in float32, which multiplies single rows faster."""

Shape = tuple[int, ...]


class Source(Protocol):
    """Gives tensors, one at a time."""

    def tensor(self, name: str, shape: Shape) -> Tensor:
        """Return the tensor of that name in `Mllm.state_dict()`, in any float type."""


@dataclass(frozen=True)
class Random:
    """Seeded weights of a sane scale: a model as fast as a trained one, whose answers are nonsense.

    Matrices are normal with variance 1 / inputs, which keeps activations near unit size through the layers
    (LeCun et al., Efficient BackProp, 1998, sec. 4.6), and rounded to bfloat16, as public checkpoints are; norms
    are 1, biases small. Each tensor has a generator of its own, so any layer can be drawn alone.
    """

    seed: int
    embedding_scale: float

    def tensor(self, name: str, shape: Shape) -> Tensor:
        """Draw the tensor of that name."""
        if "norm" in name:
            return torch.full(shape, 1.0 if name.endswith("weight") else 0.0)
        digest = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
        drawn = torch.empty(shape).normal_(generator=generator)
        if len(shape) == 1:
            return drawn.mul_(0.02)
        if name == "patch_embedding.position":
            return drawn.mul_(0.5).bfloat16()
        if name == "language.embedding.weight":
            return drawn.mul_(1.0 / self.embedding_scale).bfloat16()
        return drawn.mul_(math.prod(shape[1:]) ** -0.5).bfloat16()


@dataclass(frozen=True)
class Parted:
    """A source for each part."""

    sources: Mapping[Part, Source]

    def tensor(self, name: str, shape: Shape) -> Tensor:
        """Ask the source of the part that the name belongs to."""
        return self.sources[part_of(name)].tensor(name, shape)


def part_of(name: str) -> Part:
    """Return the part of a tensor by its name in `Mllm.state_dict()`."""
    module = name.partition(".")[0]
    return next(part for part, modules in PARTS.items() if module in modules)


def shapes_of(model: nn.Module, part: Part) -> dict[str, Shape]:
    """Return the shape of each tensor of a part, a tied one once; the model may be without weights."""
    return {name: tuple(p.shape) for name, p in model.named_parameters() if part_of(name) == part}


def fill(model: nn.Module, source: Source, *parts: Part) -> None:
    """Give parts of a model (all of them by default) their weights, without gradients."""
    for part in parts or PARTS:
        named = {name: p for name, p in model.named_parameters() if part_of(name) == part}
        wide = 4 * sum(p.numel() for p in named.values()) <= WIDE_BYTES or part != "language"
        for name, parameter in named.items():
            values = source.tensor(name, tuple(parameter.shape))
            held = values if values.dim() > 1 and not wide else values.float()
            _give(parameter, held)


@contextmanager
def filled(model: nn.Module, source: Source, *parts: Part) -> Iterator[None]:
    """Fill parts of a model, and give their memory back at the end."""
    fill(model, source, *parts)
    try:
        yield
    finally:
        for name, parameter in list(model.named_parameters()):
            if part_of(name) in parts:
                empty = torch.empty(parameter.shape, device="meta")
                _give(parameter, empty)


def _give(parameter: nn.Parameter, values: Tensor) -> None:
    """Exchange what a parameter holds; tied modules keep sharing it."""
    torch.utils.swap_tensors(parameter, nn.Parameter(values, requires_grad=False))  # type: ignore[no-untyped-call]
