"""A question about an image, laid out for a build."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from device_agents.contract import Manifest, Tokenizer, canonical_json
from lab.device.fake.build import write_fake_build
from models import tokenizer
from models.ask import main, question_set
from models.errors import PrepareError

PIXELS = np.zeros((12, 12, 3), dtype=np.uint8)
"""On tiles of 4 pixels 3:3, with the thumbnail 10 tiles of 4 tokens."""


@pytest.fixture
def build(tmp_path: Path) -> Manifest:
    """A build with tiles of 4 pixels, 4 tokens each, a cache of 128 tokens and our tokenizer."""
    return write_fake_build(tmp_path / "build").model_copy(update={"tokenizer": tokenizer.BYTES})


def test_a_question_is_laid_out_as_every_prompt(build: Manifest) -> None:
    """`User: `, the image, the question's bytes, `Assistant: `: 7 + 40 + 3 + 12 tokens."""
    found = question_set(PIXELS, "é?", build, parallel_tokens=1, answer_tokens=20)
    (question,) = found.questions

    assert (found.tile_pixels, found.tokens_per_tile, question.prompt_tokens) == (4, 4, 7 + 40 + 3 + 12)
    assert question.placement is not None and (question.placement.columns, question.placement.rows) == (3, 3)
    assert [segment.ids is None for segment in question.segments] == [False, True, False]
    asked = question.segments[2].ids
    assert asked is not None and bytes(each - 2 for each in asked) == "é?\nAssistant: ".encode()


@pytest.mark.parametrize(("parallel", "answer", "room"), [(1, 20, 50), (32, 20, 50), (100, 20, 41), (32, 1, 69)])
def test_a_question_that_does_not_fit_is_told_what_fits(
    build: Manifest, parallel: int, answer: int, room: int
) -> None:
    """Of 128, 59 are the image's and the template's; an answer's last token needs no place; chunks are whole."""
    question_set(PIXELS, "x" * room, build, parallel_tokens=parallel, answer_tokens=answer)

    with pytest.raises(PrepareError, match=rf"at most {room} tokens \(bytes of UTF-8\), found {room + 1}"):
        question_set(PIXELS, "x" * (room + 1), build, parallel_tokens=parallel, answer_tokens=answer)


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        (" \n", {}, "found an empty one"),
        ("x", {"tokenizer": Tokenizer(kind="bytes", first_byte=4, end=1)}, "the tokenizer of our models"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    build: Manifest, text: str, change: dict[str, object], words: str
) -> None:
    """An empty question, and a build whose tokens mean something else."""
    with pytest.raises(PrepareError, match=words):
        question_set(PIXELS, text, build.model_copy(update=change), parallel_tokens=1, answer_tokens=20)


def test_an_image_that_fills_the_cache_is_refused(build: Manifest) -> None:
    """No question would fit."""
    with pytest.raises(PrepareError, match="takes 40: wanted room for a question and an answer, found none"):
        question_set(PIXELS, "x", build, parallel_tokens=1, answer_tokens=100)


def test_the_program_writes_the_set_or_says_what_is_wrong(
    build: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A grey image turned by its EXIF tag is upright RGB; one that is cut off is named."""
    (tmp_path / "build/manifest.json").write_bytes(canonical_json(build))
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF 2.32, table 4: to be turned by 90 degrees
    Image.new("L", (30, 4)).save(tmp_path / "photo.jpg", exif=exif)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes()[:-20])
    out = tmp_path / "out"

    def status(image: str) -> int:
        given = [str(tmp_path / image), "--question=x", f"--build={tmp_path / 'build'}", f"--out={out}"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["ask", *given, "--answer-tokens=9"])
            return main()

    assert status("cut.jpg") == 2 and "check that it is complete" in capsys.readouterr().err
    assert status("photo.jpg") == 0
    image = json.loads((out / "questions.json").read_bytes())["questions"][0]["image"]
    assert (image["width"], image["height"], (out / "pixels.rgb8").stat().st_size) == (4, 30, 4 * 30 * 3)
