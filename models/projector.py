"""The 2x2 downsampler and the MLP projector, from vision tokens to language tokens.

BlueLM-V-3B (arXiv 2411.10640, sec. 3.3) joins every 2x2 tokens into one "as in VILA", so 729 become 196.
VILA's public code pads 27x27 with a zero row and column to 28x28, then LayerNorm, Linear, GELU, Linear.
Its reshape leaves the grid transposed; ours stays row-major, because we load no VILA weights.

Shapes: B tiles, P = side**2 vision tokens of D, T = ceil(side / 2)**2 language tokens of H.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def downsampled_tokens(side: int) -> int:
    """Return the language tokens of a side x side grid: 27 -> 14 * 14 = 196."""
    return ((side + 1) // 2) ** 2


def downsample(features: Tensor, side: int) -> Tensor:
    """Join each 2x2 square, as (0,0) (0,1) (1,0) (1,1): [B, P, D] -> [B, T, 4D]."""
    batch, _, hidden = features.shape
    grid = features.view(batch, side, side, hidden)
    odd = side % 2
    grid = functional.pad(grid, (0, 0, 0, odd, 0, odd))
    half = (side + odd) // 2
    squares = grid.view(batch, half, 2, half, 2, hidden).permute(0, 1, 3, 2, 4, 5)
    return squares.reshape(batch, half * half, 4 * hidden)


class Projector(nn.Module):
    """LayerNorm, Linear, GELU, Linear on joined squares: [B, P, D] -> [B, T, H]."""

    def __init__(self, side: int, vision_hidden: int, hidden: int) -> None:
        super().__init__()
        self.side = side
        self.norm = nn.LayerNorm(4 * vision_hidden, eps=1e-5)
        self.first = nn.Linear(4 * vision_hidden, hidden)
        self.second = nn.Linear(hidden, hidden)

    def forward(self, features: Tensor) -> Tensor:
        joined = self.norm(downsample(features, self.side))
        out: Tensor = self.second(functional.gelu(self.first(joined)))
        return out
