"""From an image and a request to an Input: order, lengths, errors and the oracle's answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from device_agents.contract import Input, relative_distance
from models.errors import PrepareError
from models.images import read_image
from models.language import Cache
from models.mllm import PRESETS, Mllm, random_mllm
from models.prepare import Prepared, prepare, tiles_of, told
from models.resolution import place


def test_the_reference_screen_is_two_by_four_and_nine_tiles(screen: Prepared) -> None:
    """The thumbnail comes first, then eight tiles: 9 x 4 image tokens and 284 of text."""
    placement = screen.input.placement
    assert placement is not None

    assert (placement.columns, placement.rows, placement.order) == (2, 4, [0, 1, 2, 3, 4, 5, 6, 7, 8])
    assert screen.input.prompt_tokens == 9 * 4 + 284
    assert sum(36 if s.ids is None else len(s.ids) for s in screen.input.segments) == 320


def test_at_384_pixels_the_prompt_is_the_papers_2048_tokens() -> None:
    """The bundled model's vision sizes give 1764 image tokens and 284 others."""
    nano = PRESETS["nano"]

    assert 9 * nano.tokens_per_tile + 284 == 2048


def test_the_prompt_is_user_image_request_assistant(tiny: Mllm) -> None:
    """The prompt holds the template once, with the image before the request."""
    pixels = np.zeros((56, 56, 3), dtype=np.uint8)

    segments = prepare(tiny, "x", pixels, "Hé").input.segments

    def text(ids: list[int] | None) -> bytes:
        return bytes(i - 2 for i in ids or [] if i >= 2)

    assert text(segments[0].ids) == b"User: "
    assert segments[1].ids is None
    assert text(segments[2].ids) == "Hé\nAssistant: ".encode()


def test_a_prompt_longer_than_the_cache_says_what_fits(tiny: Mllm) -> None:
    """The limit leaves room for the answer; the message gives limit and finding."""
    with pytest.raises(PrepareError, match=r"at most 3968 tokens .* found 5019.* shorten the instruction"):
        prepare(tiny, "x", None, "a" * 5000)


def test_a_request_that_leaves_no_room_for_the_image_is_refused(tiny: Mllm) -> None:
    """An exact length below that of image and template is impossible."""
    with pytest.raises(PrepareError, match="wanted a prompt of 20 tokens"):
        prepare(tiny, "x", np.zeros((112, 112, 3), dtype=np.uint8), "hello", prompt_tokens=20)


def test_the_smallest_image_is_a_whole_canvas(tiny: Mllm, tmp_path: Path) -> None:
    """The reader refuses 1x1 pixels; an image of 2x2 is prepared like any other."""
    PillowImage.new("RGB", (1, 1)).save(tmp_path / "one.png")
    with pytest.raises(PrepareError, match="found one of 1x1 pixels"):
        read_image(tmp_path / "one.png")

    prepared = prepare(tiny, "x", np.full((2, 2, 3), 255, dtype=np.uint8), "?")

    assert prepared.input.placement is not None
    assert (prepared.input.placement.columns, prepared.input.placement.rows) == (1, 1)
    assert prepared.features is not None
    assert bool(torch.isfinite(prepared.features).all())


def test_padding_is_black_and_tiles_are_cut_row_by_row() -> None:
    """A white 2:1 strip on a 2 x 2 canvas gives two half-white tiles above and two below; black is -1, white 1."""
    white = np.full((56, 112, 3), 255, dtype=np.uint8)

    tiles = tiles_of(white, place(112, 56, (2, 2), rule="relaxed", tile=56), 56)

    assert tiles.shape == (5, 3, 56, 56)
    assert torch.allclose(tiles[0], torch.tensor(1.0))
    for upper in (1, 2):
        assert torch.all(tiles[upper, :, :28] == -1.0)
        assert torch.allclose(tiles[upper, :, 28:], torch.tensor(1.0))
    for lower in (3, 4):
        assert torch.all(tiles[lower, :, 28:] == -1.0)


def test_goldens_are_the_oracles(tiny: Mllm, screen: Prepared) -> None:
    """Torch gives the same fingerprints and tokens again with one token per call."""
    cache = Cache.empty(tiny.config.language)
    logits = tiny.prefill(screen.prompt, cache, 1)
    stream = tiny.decode(logits, cache)
    ids = [next(stream)[0] for _ in range(8)]

    assert ids == screen.input.golden.tokens.ids[:8]
    assert relative_distance(told(logits), screen.input.golden.logits) < 1e-5


def test_another_model_has_other_goldens(screen: Prepared) -> None:
    """The goldens depend on the model, not only on the input: seed 1 answers differently."""
    other = prepare(
        random_mllm(PRESETS["tiny"], 1), "screen", screen.pixels, screen.input.instruction, prompt_tokens=320
    )

    assert relative_distance(other.input.golden.logits, screen.input.golden.logits) > 0.5


def _cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "models.prepare", *arguments], capture_output=True, text=True, check=False
    )


def test_the_command_writes_an_input_one_can_read_back(tmp_path: Path) -> None:
    """An image file with a hostile name becomes a folder with input.json and the pixels."""
    image = tmp_path / "a b;$(touch x)'.png"
    PillowImage.new("RGB", (100, 50), "red").save(image)

    done = _cli(str(image), "--instruction", "What?", "--model", "tiny", "--out", str(tmp_path / "in"))

    assert done.returncode == 0, done.stderr
    found = Input.model_validate_json((tmp_path / "in" / "input.json").read_bytes())
    assert found.image is not None
    assert (found.image.width, found.image.height) == (100, 50)
    assert (tmp_path / "in" / "pixels.rgb8").stat().st_size == 100 * 50 * 3
    assert not (tmp_path / "x").exists()


def test_a_text_file_is_refused_with_exit_code_2(tmp_path: Path) -> None:
    """The message names the file; there is no traceback and no folder."""
    notes = tmp_path / "notes.png"
    notes.write_text(json.dumps({"not": "an image"}))

    done = _cli(str(notes), "--instruction", "What?", "--model", "tiny", "--out", str(tmp_path / "in"))

    assert done.returncode == 2
    assert "notes.png" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "in").exists()
