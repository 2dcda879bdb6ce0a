"""The whole system: presets from a few kilobytes to BlueLM-V-3B's size, and generation as the paper runs it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.language import Cache, LanguageConfig, LanguageModel
from models.projector import Projector, downsampled_tokens
from models.vision import PatchEmbedding, VisionBlocks, VisionConfig
from models.weights import Random, fill


@dataclass(frozen=True)
class MllmConfig:
    """A vision encoder and a language model, which a projector joins."""

    name: str
    vision: VisionConfig
    language: LanguageConfig

    @property
    def tokens_per_tile(self) -> int:
        """Return the language-model tokens of one tile: 196 at 384 pixels."""
        return downsampled_tokens(self.vision.side)


SIGLIP_SO400M = VisionConfig(tile_pixels=384, patch_pixels=14, hidden=1152, mlp=4304, layers=27, heads=16)
"""google/siglip-so400m-patch14-384, from its public configuration."""

MINICPM_2B = LanguageConfig(
    layers=40,
    hidden=2304,
    mlp=5760,
    heads=36,
    key_value_heads=36,
    head_dim=64,
    vocabulary=122753,
    cache_tokens=4096,
    tied=True,
    embedding_scale=12.0,
    residual_scale=1.4 / math.sqrt(40),
    logit_scale=256 / 2304,
)
"""MiniCPM-2B, the paper's second language model: stands in for BlueLM-3B, whose sizes are not published."""

PRESETS: dict[str, MllmConfig] = {
    config.name: config
    for config in (
        MllmConfig(
            name="tiny",  # tests and emulated phones: a few milliseconds per stage
            vision=VisionConfig(tile_pixels=56, patch_pixels=14, hidden=64, mlp=128, layers=2, heads=2),
            language=LanguageConfig(2, 64, 128, 2, 1, 32, 512, 4096),
        ),
        MllmConfig(
            name="nano",  # bundled: the paper's tiles and tokens, small enough for two cores
            vision=VisionConfig(tile_pixels=384, patch_pixels=14, hidden=128, mlp=512, layers=3, heads=2),
            language=LanguageConfig(4, 256, 704, 4, 2, 64, 512, 4096),
        ),
        MllmConfig(
            name="reader",  # bundled and trained (models/train.py): the paper's tiles and tokens, fewer weights
            vision=VisionConfig(tile_pixels=384, patch_pixels=14, hidden=128, mlp=512, layers=3, heads=2),
            language=LanguageConfig(4, 192, 512, 3, 3, 64, 512, 4096),
        ),
        MllmConfig(
            name="bench",  # about 200 M language parameters: large enough to make overhead small
            vision=VisionConfig(tile_pixels=384, patch_pixels=14, hidden=384, mlp=1536, layers=4, heads=6),
            language=LanguageConfig(12, 1024, 3072, 16, 8, 64, 32000, 4096),
        ),
        MllmConfig(name="bluelm_v_3b", vision=SIGLIP_SO400M, language=MINICPM_2B),
    )
}


class Mllm(nn.Module):
    """Tiles and token ids in, text tokens out; in fp32 the oracle that every build is checked against."""

    def __init__(self, config: MllmConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embedding = PatchEmbedding(config.vision)
        self.vision = VisionBlocks(config.vision)
        self.projector = Projector(config.vision.side, config.vision.hidden, config.language.hidden)
        self.language = LanguageModel(config.language)

    def encode(self, tiles: Tensor) -> Tensor:
        """Encode [N, 3, S, S] -> image tokens [N * T, H], tile by tile."""
        tokens: Tensor = self.projector(self.vision(self.patch_embedding(tiles)))
        return tokens.flatten(0, 1)

    def prefill(self, prompt: Tensor, cache: Cache, parallel_tokens: int) -> Tensor:
        """Fill the cache with prompt embeddings [n, H], `parallel_tokens` per call -> last logits [V]."""
        logits = torch.empty(0)
        for chunk in torch.split(prompt, parallel_tokens):
            logits = self.language(chunk, cache, torch.tensor([len(chunk) - 1]))[0]
        return logits

    def decode(self, logits: Tensor, cache: Cache) -> Iterator[tuple[int, float]]:
        """Yield greedy token ids and their top-1 minus top-2 logit, one call per token, endlessly."""
        while True:
            top = logits.topk(2)
            token = int(top.indices[0])
            yield token, float(top.values[0] - top.values[1])
            logits = self.language(self.language.embed(torch.tensor([token])), cache, torch.tensor([0]))[0]


def skeleton(config: MllmConfig) -> Mllm:
    """Return a model without weights, to be filled part by part (:func:`models.weights.filled`)."""
    with torch.device("meta"):
        return Mllm(config).eval().requires_grad_(False)


def drawn(config: MllmConfig, seed: int) -> Random:
    """Return the source of random weights for a configuration."""
    return Random(seed, config.language.embedding_scale)


def random_mllm(config: MllmConfig, seed: int) -> Mllm:
    """Return a whole model with random weights (:class:`models.weights.Random`)."""
    model = skeleton(config)
    fill(model, drawn(config, seed))
    return model
