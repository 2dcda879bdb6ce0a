"""The language model: rotation, attention, cache and scalings; expected values are derived by hand."""

from __future__ import annotations

import math

import pytest
import torch

from models.language import Cache, rotary_tables, rotate
from models.mllm import PRESETS, Mllm
from models.prepare import Prepared


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
