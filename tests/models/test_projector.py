"""The projector's algebra: squares of tokens are joined, an odd side is padded."""

from __future__ import annotations

import pytest
import torch

from models.projector import downsample, downsampled_tokens


@pytest.mark.parametrize(("side", "tokens"), [(1, 1), (2, 1), (3, 4), (4, 4), (27, 196)])
def test_an_odd_side_is_padded(side: int, tokens: int) -> None:
    """A single last row or column forms squares of its own."""
    assert downsampled_tokens(side) == tokens
    assert downsample(torch.ones(2, side * side, 5), side).shape == (2, tokens, 20)


def test_squares_are_joined_row_by_row() -> None:
    """A 3 x 3 grid numbered 1 to 9 gives squares 1245, 3060, 7800, 9000: zero-padded, not transposed."""
    grid = torch.arange(1.0, 10.0).view(1, 9, 1)

    assert downsample(grid, 3).tolist() == [[[1, 2, 4, 5], [3, 0, 6, 0], [7, 8, 0, 0], [9, 0, 0, 0]]]
