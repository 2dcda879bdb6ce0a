"""The networks' algebra: splits, orders and caches change nothing; expected values are derived by hand."""

from __future__ import annotations

import math

import pytest
import torch

from models.language import Cache, rotary_tables, rotate
from models.mllm import PRESETS, Mllm
from models.prepare import Prepared
from models.projector import downsample, downsampled_tokens


def test_tokens_of_a_tile_are_the_papers() -> None:
    """384 pixels in patches of 14 are 27 x 27 = 729, and 196 after joining every 2 x 2."""
    nano = PRESETS["nano"]

    assert nano.vision.tokens == 729
    assert nano.tokens_per_tile == 196
    assert 9 * nano.tokens_per_tile == 1764


@pytest.mark.parametrize(("side", "tokens"), [(1, 1), (2, 1), (3, 4), (4, 4), (27, 196)])
def test_an_odd_side_is_padded(side: int, tokens: int) -> None:
    """A single last row or column forms squares of its own."""
    assert downsampled_tokens(side) == tokens
    assert downsample(torch.ones(2, side * side, 5), side).shape == (2, tokens, 20)


def test_squares_are_joined_row_by_row() -> None:
    """A 3 x 3 grid numbered 1 to 9 gives squares 1245, 3060, 7800, 9000: zero-padded, not transposed."""
    grid = torch.arange(1.0, 10.0).view(1, 9, 1)

    assert downsample(grid, 3).tolist() == [[[1, 2, 4, 5], [3, 0, 6, 0], [7, 8, 0, 0], [9, 0, 0, 0]]]


def test_rotation_is_multiplication_by_a_unit_complex_number() -> None:
    """Each pair (first half, second half) is rotated by position times frequency."""
    config = PRESETS["tiny"].language
    cosine, sine = rotary_tables(config)
    x = torch.randn(1, 7, config.head_dim, generator=torch.Generator().manual_seed(1))

    turned = rotate(x, cosine[:7], sine[:7])

    half = config.head_dim // 2
    pairs = torch.complex(x[..., :half], x[..., half:])
    angles = [[p * 10_000 ** (-2 * i / config.head_dim) for i in range(half)] for p in range(7)]
    wanted = pairs * torch.polar(torch.ones(7, half), torch.tensor(angles))
    assert torch.allclose(turned[..., :half], wanted.real, atol=1e-5)
    assert torch.allclose(turned[..., half:], wanted.imag, atol=1e-5)


@pytest.mark.parametrize("parallel_tokens", [1, 7, 32, 1000])
def test_chunked_prefill_is_whole_prefill(tiny: Mllm, screen: Prepared, parallel_tokens: int) -> None:
    """The last logits and the cache do not depend on the tokens per call."""
    whole, chunked = Cache.empty(tiny.config.language), Cache.empty(tiny.config.language)
    prompt = screen.prompt[:70]

    wanted = tiny.prefill(prompt, whole, 70)
    found = tiny.prefill(prompt, chunked, parallel_tokens)

    assert torch.allclose(found, wanted, atol=1e-4)
    assert chunked.tokens == whole.tokens == 70
    assert torch.allclose(chunked.keys[1], whole.keys[1], atol=1e-4)


def test_no_token_sees_its_future(tiny: Mllm, screen: Prepared) -> None:
    """A change of the last prompt token leaves the logits of earlier positions alone."""
    positions = torch.arange(20)
    prompt = screen.prompt[:20].clone()
    before = tiny.language(prompt, Cache.empty(tiny.config.language), positions)
    prompt[-1] += 1.0

    after = tiny.language(prompt, Cache.empty(tiny.config.language), positions)

    assert torch.equal(before[:-1], after[:-1])
    assert not torch.allclose(before[-1], after[-1])


def test_attention_with_one_token_seen_returns_its_value(tiny: Mllm) -> None:
    """The softmax over a single key is 1, so the first token gets its own value, passed through `out`."""
    attention = tiny.language.layers[0].attention
    cache = Cache.empty(tiny.config.language)
    x = torch.randn(1, 64, generator=torch.Generator().manual_seed(2))

    found = attention(x, cache, 0, tiny.language.cosine, tiny.language.sine)

    value = attention.qkv(x)[:, -32:]
    assert torch.allclose(found, attention.out(value.repeat(1, 2)), atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 4, 5])
def test_a_batch_of_tiles_is_its_tiles_one_by_one(tiny: Mllm, batch: int) -> None:
    """Batching does not change the result."""
    tiles = torch.randn(9, 3, 56, 56, generator=torch.Generator().manual_seed(3))

    found = torch.cat([tiny.encode(part) for part in torch.split(tiles, batch)])

    assert torch.allclose(found, tiny.encode(tiles), atol=1e-5)


def test_a_full_cache_is_refused_in_words(tiny: Mllm) -> None:
    """Tokens beyond the cache's size raise an error instead of wrapping around."""
    cache = Cache.empty(tiny.config.language)
    cache.tokens = 4090

    with pytest.raises(ValueError, match="wanted to add 7 tokens, the cache has room for 6"):
        tiny.language(torch.zeros(7, 64), cache, torch.tensor([6]))


def test_minicpms_scalings_are_its_published_ones() -> None:
    """Embedding x 12, residual branches x 1.4 / sqrt(40), logits divided by 9."""
    config = PRESETS["bluelm_v_3b"].language

    assert config.embedding_scale == 12
    assert config.residual_scale == pytest.approx(1.4 / math.sqrt(40))
    assert 1 / config.logit_scale == pytest.approx(9)
