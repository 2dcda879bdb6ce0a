"""Folders of question sets: opened whole, and sent to devices without their answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agents.contract import content_id
from lab.builds import questions
from lab.errors import PrepareError
from tests.question_sets import write_questions


def opened(folder: Path) -> questions.OwnQuestions:
    """Open the folder as kept questions."""
    found = questions.find(folder, "set")
    assert found is not None
    return found


def test_a_device_gets_sets_and_images_and_no_answer(tmp_path: Path) -> None:
    """Three sets, the two images and the grey one; the id is that of the answer key."""
    key = write_questions(tmp_path / "questions" / "set")
    found = opened(tmp_path)

    names = [file.path for file in found.files()]
    assert found.id == content_id(key)
    assert names[:3] == ["blank.json", "questions.json", "thumbnail.json"]
    assert len(names) == 5
    assert "answers.json" not in names
    assert questions.find(tmp_path, "other") is None


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("questions.json", b'"width":2', b'"width":3', "wanted the question set"),
        ("answers.json", b'"name":"a1"', b'"name":"a9"', "not those of answers.json"),
        ("answers.json", b'"protocol"', b'"prot"', "damaged"),
        ("answers.json", b"{", b"[", "damaged"),
    ],
)
def test_a_changed_file_is_refused_by_name(tmp_path: Path, name: str, old: bytes, new: bytes, words: str) -> None:
    """A set that is not the key's, a key that is not the set's, and what is no key at all."""
    folder = tmp_path / "questions" / "set"
    write_questions(folder)
    content = (folder / name).read_bytes()
    assert old in content
    (folder / name).write_bytes(content.replace(old, new, 1))

    with pytest.raises(PrepareError, match=words):
        questions.find(tmp_path, "set")


def test_a_missing_set_is_refused(tmp_path: Path) -> None:
    """The message says how to make the questions again."""
    folder = tmp_path / "questions" / "set"
    write_questions(folder)
    (folder / "blank.json").unlink()

    with pytest.raises(PrepareError, match=r"blank\.json.*make the questions again"):
        questions.find(tmp_path, "set")
