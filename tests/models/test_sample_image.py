"""The bundled sample picture: the same bytes everywhere, in any size."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.sample_image import draw_screen

PROGRAM = (
    "import hashlib; from models.sample_image import draw_screen;"
    "print(hashlib.sha256(draw_screen(384, 768).tobytes()).hexdigest())"
)


def test_another_process_draws_the_same_bytes() -> None:
    """The picture does not depend on hash seed, locale or time zone."""
    other = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert other.stdout.strip() == hashlib.sha256(draw_screen(384, 768).tobytes()).hexdigest()


def test_the_default_is_the_size_of_the_papers_image() -> None:
    """768x1536, 2:4, and not blank: many colours, and no flat tile of 384 pixels."""
    screen = draw_screen()

    assert screen.shape == (1536, 768, 3)
    assert screen.dtype == np.uint8
    assert len(np.unique(screen.astype(np.int32) @ [65536, 256, 1])) > 1000
    tiles = screen.reshape(4, 384, 2, 384, 3).transpose(0, 2, 1, 3, 4).reshape(8, -1)
    assert (tiles.std(axis=1) > 20).all()


def test_a_small_screen_is_the_large_one_averaged() -> None:
    """A quarter of the size is the mean of 4x4 blocks, up to rounding on each axis."""
    large = draw_screen().reshape(384, 4, 192, 4, 3).mean(axis=(1, 3))

    assert np.abs(draw_screen(192, 384) - large).max() <= 2


@pytest.mark.parametrize("size", [(1, 1), (112, 224), (1600, 333)])
def test_any_size_can_be_asked_for(size: tuple[int, int]) -> None:
    """Height comes first in the array, width first in the call."""
    assert draw_screen(*size).shape == (size[1], size[0], 3)


def test_another_seed_draws_another_screen() -> None:
    """The seed changes the ridges and the chart, but not the status bar."""
    ours, theirs = draw_screen(192, 384), draw_screen(192, 384, seed=1)

    assert (ours[:36] == theirs[:36]).all()
    assert (ours[48:130] != theirs[48:130]).any()
    assert (ours[180:240] != theirs[180:240]).any()


@pytest.mark.parametrize("size", [(0, 5), (5, -1)])
def test_a_screen_without_pixels_is_refused(size: tuple[int, int]) -> None:
    """The message says what was wanted and found."""
    with pytest.raises(ValueError, match=f"wanted a screen of at least 1x1 pixels, found {size[0]}x{size[1]}"):
        draw_screen(*size)
