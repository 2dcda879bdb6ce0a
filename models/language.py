"""The language model: a decoder with rotary positions, grouped-query attention and a cache filled by chunks.

The sizes of BlueLM-3B are not published; this architecture covers its public stand-ins (LLaMA-like and
MiniCPM-2B, whose three scalings are `embedding_scale`, `residual_scale` and `logit_scale`).

Shapes: t new tokens after p cached ones, H hidden, G key-value heads of size E, V vocabulary. One
sequence at a time: a phone serves one user.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class LanguageConfig:
    """Sizes of the decoder; `cache_tokens` limits prompt plus answer."""

    layers: int
    hidden: int
    mlp: int
    heads: int
    key_value_heads: int
    head_dim: int
    vocabulary: int
    cache_tokens: int
    tied: bool = False
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    logit_scale: float = 1.0


@dataclass
class Cache:
    """Keys (rotated) and values of the tokens seen so far, for each layer [G, cache_tokens, E]."""

    keys: list[Tensor]
    values: list[Tensor]
    tokens: int = 0

    @staticmethod
    def empty(config: LanguageConfig) -> Cache:
        """Return an empty cache with room for `cache_tokens`, whose memory is taken as tokens fill it."""
        shape = (config.key_value_heads, config.cache_tokens, config.head_dim)
        layers = range(config.layers)

        def zeros() -> Tensor:
            return torch.from_numpy(np.zeros(shape, np.float32))  # untouched pages take no memory, unlike torch's

        return Cache([zeros() for _ in layers], [zeros() for _ in layers])


SLAB = 2**22
"""Weights that are widened at a time: 16 MB in float32, large enough to make calls and threads' meetings cheap."""


class Linear(nn.Linear):
    """x [.., K] -> [.., N]; float32 x [t, K] by a matrix held in 16 bits widens a slab of it at a time."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.dtype == x.dtype:
            return functional.linear(x, self.weight)
        out = torch.empty(len(x), self.out_features)
        rows = max(1, SLAB // self.in_features)
        for start in range(0, self.out_features, rows):
            slab = self.weight[start : start + rows].float()
            out[:, start : start + rows] = functional.linear(x, slab)
        return out


def rotary_tables(config: LanguageConfig) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, each [cache_tokens, E / 2] (RoFormer, arXiv 2104.09864, eq. 15).

    They are always on the CPU, in a model without weights too (:func:`models.mllm.skeleton`).
    """
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float64, device="cpu") / config.head_dim
    positions = torch.arange(config.cache_tokens, dtype=torch.float64, device="cpu")
    angles = torch.outer(positions, config.rope_base**-exponents)
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate [heads, t, E] by position; the first and second half of E form the pairs."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class Attention(nn.Module):
    """Causal attention of t new tokens over the cache; writes their keys and values into it."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.heads * config.head_dim
        narrow = config.key_value_heads * config.head_dim
        self.qkv = Linear(config.hidden, wide + 2 * narrow)
        self.out = Linear(wide, config.hidden)
        self.split = (wide, narrow, narrow)

    def forward(self, x: Tensor, cache: Cache, layer: int, cosine: Tensor, sine: Tensor) -> Tensor:
        fresh, past = x.shape[0], cache.tokens
        query, key, value = (
            part.view(fresh, -1, self.config.head_dim).transpose(0, 1)
            for part in self.qkv(x).split(self.split, dim=-1)
        )
        here = slice(past, past + fresh)
        query = rotate(query, cosine[here], sine[here])
        cache.keys[layer][:, here] = rotate(key, cosine[here], sine[here])
        cache.values[layer][:, here] = value
        seen = torch.ones(fresh, past + fresh, dtype=torch.bool).tril(past)
        mixed = functional.scaled_dot_product_attention(
            query[None],
            cache.keys[layer][None, :, : past + fresh],
            cache.values[layer][None, :, : past + fresh],
            attn_mask=seen,
            enable_gqa=True,
        )
        out: Tensor = self.out(mixed[0].transpose(0, 1).reshape(fresh, -1))
        return out


class Block(nn.Module):
    """A pre-norm decoder block with a gated MLP (SwiGLU)."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.scale = config.residual_scale
        self.attention_norm = nn.RMSNorm(config.hidden, eps=config.norm_epsilon)
        self.attention = Attention(config)
        self.mlp_norm = nn.RMSNorm(config.hidden, eps=config.norm_epsilon)
        self.gate_up = Linear(config.hidden, 2 * config.mlp)
        self.down = Linear(config.mlp, config.hidden)

    def forward(self, x: Tensor, cache: Cache, layer: int, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x + self.scale * self.attention(self.attention_norm(x), cache, layer, cosine, sine)
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, dim=-1)
        out: Tensor = x + self.scale * self.down(functional.silu(gate) * up)
        return out


class LanguageModel(nn.Module):
    """Embeddings in, logits out; :meth:`embed` makes embeddings of ids, so that image tokens can join them."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.hidden)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.hidden, eps=config.norm_epsilon)
        self.head = Linear(config.hidden, config.vocabulary)
        if config.tied:
            self.head.weight = self.embedding.weight
        cosine, sine = rotary_tables(config)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)

    @property
    def layers(self) -> list[Block]:
        """Return the blocks, typed."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def embed(self, ids: Tensor) -> Tensor:
        """Embed ids: [t] -> [t, H]."""
        rows: Tensor = self.embedding(ids)
        return rows.float() * self.config.embedding_scale

    def forward(self, embeddings: Tensor, cache: Cache, positions: Tensor) -> Tensor:
        """Run [t, H] after the cache -> logits [k, V] at `positions` [k] of the chunk; the cache grows by t.

        Raises ValueError if the cache has no room for t more tokens.
        """
        room = self.config.cache_tokens - cache.tokens
        if embeddings.shape[0] > room:
            raise ValueError(f"wanted to add {embeddings.shape[0]} tokens, the cache has room for {room}")
        x = embeddings
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer, self.cosine, self.sine)
        cache.tokens += embeddings.shape[0]
        logits: Tensor = self.head(self.norm(x[positions])) * self.config.logit_scale
        return logits
