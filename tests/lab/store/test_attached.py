"""A trial's files are handed on as they are, and no other file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.store.attached import Attached, attached, content, tail


def test_only_regular_files_with_plain_names_are_listed(tmp_path: Path) -> None:
    """No hidden file, no folder, no link to somewhere else, no name that would do harm."""
    (tmp_path / "events.jsonl").write_text("{}\n")
    (tmp_path / ".events.jsonl.part").write_text("cut")
    (tmp_path / "<b>.txt").write_text("markup")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.txt").symlink_to("/etc/passwd")

    assert attached(tmp_path) == (Attached("events.jsonl", 3),)
    assert attached(tmp_path / "gone") == ()


@pytest.mark.parametrize("name", ["../events.jsonl", "/etc/passwd", ".hidden", "", "link.txt", "gone.txt"])
def test_a_file_that_is_not_listed_is_refused(tmp_path: Path, name: str) -> None:
    """Whoever asks for it."""
    (tmp_path / "trial").mkdir()
    (tmp_path / "events.jsonl").write_text("{}\n")
    (tmp_path / "trial" / "link.txt").symlink_to(tmp_path / "events.jsonl")

    with pytest.raises(StoreError):
        content(tmp_path / "trial", name)


def test_a_file_that_is_too_large_is_refused_and_has_no_tail(tmp_path: Path) -> None:
    """The message says how large it may be."""
    (tmp_path / "stderr.txt").write_text("0123456789")

    assert content(tmp_path, "stderr.txt", most=10) == b"0123456789"
    with pytest.raises(StoreError, match="wanted at most 9 bytes, found 10"):
        content(tmp_path, "stderr.txt", most=9)


def test_the_tail_of_a_text_is_its_end(tmp_path: Path) -> None:
    """What is no text is shown as far as it is."""
    (tmp_path / "stderr.txt").write_bytes(b"begin\n\xff end\n")

    assert tail(tmp_path, "stderr.txt", 5) == "\N{REPLACEMENT CHARACTER} end"
    assert tail(tmp_path, "gone.txt", 5) == ""
