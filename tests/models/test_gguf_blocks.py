"""Random ggml blocks: llama.cpp's own reader finds weights of the size that was wanted in them."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType

from models.gguf_blocks import draw, row_bytes

BITS = {
    GGMLQuantizationType.Q4_0: 4.5,
    GGMLQuantizationType.Q8_0: 8.5,
    GGMLQuantizationType.Q4_K: 4.5,
    GGMLQuantizationType.Q6_K: 6.5625,
}


@pytest.mark.parametrize("storage", BITS, ids=lambda storage: storage.name)
def test_blocks_hold_weights_of_the_wanted_size_around_zero(storage: GGMLQuantizationType) -> None:
    """By the dequantisation of the gguf package; the bits a weight are ggml's."""
    blocks = draw(64, 4096, storage, 1 / 64, np.random.default_rng(0))

    weights = gguf.quants.dequantize(blocks, storage)
    assert weights.shape == (64, 4096)
    assert np.sqrt(np.mean(weights**2)) == pytest.approx(1 / 64, rel=0.03)
    assert abs(np.mean(weights)) < 0.15 / 64
    assert row_bytes(4096, storage) * 8 == BITS[storage] * 4096


def test_the_seed_decides_the_blocks() -> None:
    """The same seed draws the same bytes."""
    first, again, other = (
        draw(2, 64, GGMLQuantizationType.Q4_0, 1.0, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    assert (first == again).all() and not (first == other).all()


def test_a_row_is_a_whole_number_of_blocks() -> None:
    """MiniCPM-2B's 5760 columns are no whole blocks of 256."""
    assert row_bytes(5760, GGMLQuantizationType.Q4_0) == 5760 // 32 * 18
    with pytest.raises(ValueError, match=r"rows of 5760 weights are no whole blocks of 256 for Q4_K"):
        row_bytes(5760, GGMLQuantizationType.Q4_K)
