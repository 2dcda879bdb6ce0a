"""A question is checked here and prepared by a process of models/."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.builds.asked import check_question, prepare_question
from lab.builds.folder import open_build
from lab.device.fake.build import write_fake_build
from lab.errors import PrepareError


@pytest.mark.parametrize(
    ("question", "words"),
    [(" \t\n", "found an empty one"), ("é" * 65, r"cache of fake-fp32, 128 tokens \(bytes of UTF-8\), found 130")],
)
def test_a_question_that_no_image_fits_is_refused_at_once(tmp_path: Path, question: str, words: str) -> None:
    """Before the image is read, and before a text of any length is passed to a process."""
    with pytest.raises(PrepareError, match=words):
        check_question(write_fake_build(tmp_path / "build"), question)


@pytest.mark.parametrize(
    ("question", "words"), [("a\0b", "cannot be passed to a process"), ("x", "the tokenizer of our models")]
)
def test_a_failure_of_the_process_is_told_in_its_words(tmp_path: Path, question: str, words: str) -> None:
    """Here the build's tokenizer is another one."""
    from PIL import Image

    Image.new("RGB", (9, 9)).save(tmp_path / "-a.png")
    write_fake_build(tmp_path / "build")

    with pytest.raises(PrepareError, match=words):
        prepare_question(
            open_build(tmp_path / "build"),
            tmp_path / "-a.png",
            question,
            tmp_path / "out",
            parallel_tokens=1,
            answer_tokens=9,
        )
