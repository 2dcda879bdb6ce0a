"""A file is wholly there or not there at all; a lock keeps other processes out."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import DiskFull, StoreError
from lab.files import disk_errors, locked, make_folder, write_atomically


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Nothing is left beside it."""
    path = tmp_path / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")

    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("file", b"new")]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(small_disk: Path) -> None:
    """The disk is full half way through."""
    path = small_disk / "file"
    write_atomically(path, b"old")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, bytes(8 << 20))
    assert [(found.name, found.read_bytes()) for found in small_disk.iterdir()] == [("file", b"old")]


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, DiskFull, "could not save trial 3: no space left on the disk that holds here"),
        (errno.EDQUOT, DiskFull, "could not save trial 3: no space left on the disk that holds here"),
        (errno.EACCES, StoreError, "could not save trial 3: there: denied; check the folder and its rights"),
    ],
)
def test_an_error_of_the_disk_says_what_was_tried_and_where(code: int, kind: type[StoreError], words: str) -> None:
    """A full disk and a used-up quota are one error, everything else another."""
    with pytest.raises(StoreError, match=words) as caught, disk_errors("save trial 3", Path("here")):
        raise OSError(code, "denied", "there")
    assert type(caught.value) is kind


def test_a_folder_is_made_with_its_parents_and_kept_if_it_is_there(tmp_path: Path) -> None:
    """What lies in it stays."""
    folder = make_folder(tmp_path / "a" / "b")
    (folder / "file").write_text("kept")

    assert make_folder(folder) == folder
    assert (folder / "file").read_text() == "kept"


def test_a_lock_keeps_another_process_out_until_it_is_released(tmp_path: Path) -> None:
    """The other process gets it once we let go."""
    program = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1])\n"
        "try:\n    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError:\n    print('held')\n"
        "else:\n    print('free')\n"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "lock")]
    with locked(tmp_path / "lock"):
        held = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    free = subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    assert (held, free) == ("held\n", "free\n")
