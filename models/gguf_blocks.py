"""Random weights as ggml stores them: blocks of codes and scales, drawn without quantising anything.

The speed of a product does not depend on the values in it, so the codes of a block are random bytes. Only its
scales are chosen: weights get the mean square that is wanted, and activations stay near unit size. Layouts are
those of `ggml-common.h` in llama.cpp (`block_q4_0`, `block_q8_0`, `block_q4_K`, `block_q6_K`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

Bytes = npt.NDArray[np.uint8]


def _mean_square(codes: range) -> float:
    return float(np.mean(np.square(codes)))


@dataclass(frozen=True)
class _Layout:
    """The scales of a block: byte offset of each float16 -> its size relative to the block's first scale.

    `mean_square` is that of weights whose codes are uniform bytes, with a first scale of 1.
    """

    scales: Mapping[int, float]
    mean_square: float


_SUB = _mean_square(range(64))  # of the 6-bit scales and minima of Q4_K
_CODES_4 = _mean_square(range(16))
_MEAN_MIN = 7.5  # minima are worth this many codes, so that weights are 0 on average: the mean of 0..15

_LAYOUTS: Mapping[GGMLQuantizationType, _Layout] = MappingProxyType(
    {
        GGMLQuantizationType.Q4_0: _Layout({0: 1.0}, _mean_square(range(-8, 8))),
        GGMLQuantizationType.Q8_0: _Layout({0: 1.0}, _mean_square(range(-128, 128))),
        # w = scale * code - 7.5 * minimum; scale and minimum are uniform in 0..63, with a mean of 31.5
        GGMLQuantizationType.Q4_K: _Layout(
            {0: 1.0, 2: _MEAN_MIN}, _SUB * _CODES_4 + _MEAN_MIN**2 * (_SUB - 2 * 31.5**2)
        ),
        # w = scale * code; the scale has 8 bits with a sign, the code 6
        GGMLQuantizationType.Q6_K: _Layout(
            {208: 1.0}, _mean_square(range(-128, 128)) * _mean_square(range(-32, 32))
        ),
    }
)


def row_bytes(columns: int, storage: GGMLQuantizationType) -> int:
    """Return the bytes of a row of weights; raises ValueError unless it is a whole number of blocks."""
    block, size = GGML_QUANT_SIZES[storage]
    if columns % block:
        raise ValueError(f"rows of {columns} weights are no whole blocks of {block} for {storage.name}")
    return columns // block * size


def draw(
    rows: int, columns: int, storage: GGMLQuantizationType, spread: float, generator: np.random.Generator
) -> Bytes:
    """Return [rows, bytes] of random weights whose root mean square is `spread`."""
    _, size = GGML_QUANT_SIZES[storage]
    found = np.frombuffer(generator.bytes(rows * row_bytes(columns, storage)), np.uint8).copy()
    blocks, layout = found.reshape(-1, size), _LAYOUTS[storage]
    for offset, relative in layout.scales.items():
        scale = np.float16(relative * spread / layout.mean_square**0.5)
        blocks[:, offset : offset + 2] = np.frombuffer(scale.tobytes(), np.uint8)
    return found.reshape(rows, -1)
