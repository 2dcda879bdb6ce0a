"""Rounding to blocks and to rows, against algebra."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.quantize import RECIPES, quantize_blocks, quantize_rows, recipe_named


@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 100),
    bits=st.sampled_from([4, 8]),
    block=st.sampled_from([32, 64, 128]),
    seed=st.integers(0, 1000),
    magnitude=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_rounding_moves_a_weight_by_half_a_step_at_most(
    *, rows: int, columns: int, bits: int, block: int, seed: int, magnitude: float
) -> None:
    """Every weight returns within half its block's scale, for any shape and magnitude."""
    weight = magnitude * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))

    blocks = quantize_blocks(weight, 4 if bits == 4 else 8, block)

    steps = blocks.scales.repeat_interleave(block, dim=1)[:, :columns]
    assert blocks.dequantize().shape == weight.shape
    assert bool(((blocks.dequantize() - weight).abs() <= steps * 0.5001).all())


def test_codes_lie_low_nibble_first_around_eight() -> None:
    """-7 and 7 are the ends of 4 bits, codes 1 and 15; 0 is code 8, and so is padding."""
    weight = torch.tensor([[-7.0, 7.0, 0.0]])

    blocks = quantize_blocks(weight, 4, 32)

    assert blocks.scales.tolist() == [[1.0]]
    assert blocks.packed[0, 0, :3].tolist() == [0xF1, 0x88, 0x88]


def test_siglips_odd_width_is_padded_and_comes_back_whole() -> None:
    """4304 is not a multiple of 32: 135 blocks are stored and 4304 columns returned."""
    blocks = quantize_blocks(torch.ones(1, 4304), 8, 32)

    assert blocks.packed.shape == (1, 135, 32)
    assert torch.equal(blocks.dequantize(), torch.ones(1, 4304))


def test_a_block_of_zeros_stays_zero() -> None:
    """A scale of zero causes no division by zero."""
    assert torch.equal(quantize_blocks(torch.zeros(2, 64), 4, 32).dequantize(), torch.zeros(2, 64))


def test_rows_are_rounded_around_128() -> None:
    """The largest magnitude of a row maps to 127 steps from the middle."""
    codes, scales = quantize_rows(torch.tensor([[-1.27, 0.0, 0.635], [0.0, 0.0, 0.0]]))

    assert codes.tolist() == [[1, 128, 192], [128, 128, 128]]
    assert scales[0].item() == pytest.approx(0.01)


def test_a_recipe_takes_other_blocks_behind_its_name() -> None:
    """`paper-b128` is `paper` but for its blocks and its name."""
    found = recipe_named("paper-b128")

    assert (found.name, found.block) == ("paper-b128", 128)
    assert replace(found, name="paper", block=64) == RECIPES["paper"] == recipe_named("paper")
    assert recipe_named("paper-kv8-b32").cache == "int8"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("papr", r"wanted one of fp32, w8, w8a8, paper, paper-kv8, or one with -b128 behind it, found 'papr'"),
        ("paper-b48", r"found 'paper-b48'"),
        ("fp32-b128", r"fp32-b128: fp32 stores no weights in blocks: leave -b128 out"),
    ],
)
def test_a_name_that_is_no_recipe_is_refused(name: str, words: str) -> None:
    """It says what would be one."""
    with pytest.raises(ValueError, match=words):
        recipe_named(name)
