"""The whole network: splits of tiles and prompts change nothing, and its sizes are the papers'."""

from __future__ import annotations

import pytest
import torch

from models.language import Cache
from models.mllm import PRESETS, Mllm
from models.prepare import Prepared


def test_tokens_of_a_tile_are_the_papers() -> None:
    """384 pixels in patches of 14 are 27 x 27 = 729, and 196 after joining every 2 x 2."""
    nano = PRESETS["nano"]

    assert nano.vision.tokens == 729
    assert nano.tokens_per_tile == 196
    assert 9 * nano.tokens_per_tile == 1764


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


@pytest.mark.parametrize("batch", [1, 2, 4, 5])
def test_a_batch_of_tiles_is_its_tiles_one_by_one(tiny: Mllm, batch: int) -> None:
    """Batching does not change the result."""
    tiles = torch.randn(9, 3, 56, 56, generator=torch.Generator().manual_seed(3))

    found = torch.cat([tiny.encode(part) for part in torch.split(tiles, batch)])

    assert torch.allclose(found, tiny.encode(tiles), atol=1e-5)


def test_torch_is_not_left_in_training_mode(tiny: Mllm) -> None:
    """The oracle runs in evaluation mode and keeps no gradients."""
    assert not tiny.training
    assert not any(p.requires_grad for p in tiny.parameters())
    assert torch.is_grad_enabled()
