"""The SigLIP vision encoder, split as in the paper: a convolution, then transformer blocks.

Architecture: google/siglip-so400m-patch14-384. BlueLM-V-3B (arXiv 2411.10640, sec. 3.3 and Fig. 5) runs
the patch-embedding convolution on the CPU and the blocks on the NPU, so they are two stages here. The
paper does not say which layer feeds the projector; we take the last one, after the final norm.

Shapes: B tiles, S pixels a side, P = (S // patch)**2 tokens, D hidden.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class VisionConfig:
    """Sizes of the encoder; `tile_pixels` is the side S of its square input tile."""

    tile_pixels: int
    patch_pixels: int
    hidden: int
    mlp: int
    layers: int
    heads: int
    norm_epsilon: float = 1e-6

    @property
    def side(self) -> int:
        """Return the tokens along one side: 384 // 14 = 27; the last 6 pixels of each side are ignored."""
        return self.tile_pixels // self.patch_pixels

    @property
    def tokens(self) -> int:
        """Return the tokens per tile: 27 * 27 = 729."""
        return self.side**2


class PatchEmbedding(nn.Module):
    """The CPU stage: [B, 3, S, S] -> [B, P, D], a convolution whose stride is its kernel, plus positions."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, config.hidden, config.patch_pixels, stride=config.patch_pixels)
        self.position = nn.Parameter(torch.zeros(config.tokens, config.hidden))

    def forward(self, tiles: Tensor) -> Tensor:
        patches: Tensor = self.convolution(tiles)  # [B, D, side, side]
        return patches.flatten(2).transpose(1, 2) + self.position


class VisionAttention(nn.Module):
    """Full attention within one tile: [B, P, D] -> [B, P, D]."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.hidden, 3 * config.hidden)
        self.out = nn.Linear(config.hidden, config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, hidden = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.heads, hidden // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each [B, heads, P, D / heads]
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, tokens, hidden))
        return out


class VisionBlock(nn.Module):
    """A pre-norm transformer block with a tanh-approximated GELU."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.hidden, eps=config.norm_epsilon)
        self.attention = VisionAttention(config)
        self.mlp_norm = nn.LayerNorm(config.hidden, eps=config.norm_epsilon)
        self.up = nn.Linear(config.hidden, config.mlp)
        self.down = nn.Linear(config.mlp, config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        out: Tensor = x + self.down(functional.gelu(self.up(self.mlp_norm(x)), approximate="tanh"))
        return out


class VisionBlocks(nn.Module):
    """The NPU stage: [B, P, D] -> [B, P, D], all blocks and the final norm."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.hidden, eps=config.norm_epsilon)

    @property
    def layers(self) -> list[VisionBlock]:
        """Return the blocks, typed."""
        return [block for block in self.blocks if isinstance(block, VisionBlock)]

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out
