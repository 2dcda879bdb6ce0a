"""A file is wholly there or not there at all; a lock keeps other processes out."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import DiskFull, StoreError
from lab.files import disk_errors, doing, locked, make_folder, open_regular, read, sha256, write_atomically


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


def test_what_is_no_folder_is_told_by_its_kind(tmp_path: Path) -> None:
    """A device, a link to itself."""
    (tmp_path / "loop").symlink_to("loop")

    for path, found in [(Path("/dev/zero"), "a device"), (tmp_path / "loop", "a link that leads nowhere")]:
        with pytest.raises(OSError, match=f"wanted a folder, found {found}"):
            make_folder(path)


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


def test_only_a_regular_file_within_its_limit_is_read(tmp_path: Path) -> None:
    """A pipe, a device or a folder is refused by its kind, a giant by its size; a link to a file is followed."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")

    assert read(tmp_path / "link", 5) == b"12345"
    for path, words in [
        (tmp_path / "file", "wanted at most 4 bytes, found 5"),
        (tmp_path / "pipe", "wanted a regular file, found a pipe"),
        (tmp_path / "zero", "wanted a regular file, found a device"),
        (tmp_path, "wanted a regular file, found a folder"),
    ]:
        with pytest.raises(OSError, match=words):
            read(path, 4)
    with pytest.raises(OSError, match="found a pipe"):
        sha256(tmp_path / "pipe")


def test_a_file_that_does_not_tell_its_size_is_read_to_its_limit() -> None:
    """The files of /proc have a size of 0."""
    assert b"Uid" in read(Path("/proc/self/status"))
    with pytest.raises(OSError, match="wanted at most 10 bytes, found more"):
        read(Path("/proc/self/status"), 10)


def test_a_pipe_that_takes_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    """Opening does not wait for somebody who writes."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    with open_regular(path):
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(OSError, match="found a pipe"):
            open_regular(path)


def test_who_waits_for_a_lock_is_told_for_whom(tmp_path: Path) -> None:
    """Pid, command and since when: the holder wrote them into the lock's file."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom lab.files import locked\n"
        "with locked(Path(sys.argv.pop(1))):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "lock"), "some", "words"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        told: list[str] = []

        def tell(words: str) -> None:
            told.append(words)
            holder.stdin.close()  # type: ignore[union-attr]

        with locked(tmp_path / "lock", tell=tell):
            pass
    (words,) = told

    assert words.startswith(
        f"waiting for the lock {tmp_path / 'lock'}, held by pid {holder.pid}: -c some words, since "
    )
    assert re.search(r" since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; Ctrl-C stops waiting$", words)


def test_a_command_is_told_in_ascii_and_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock's text has a fixed length."""
    monkeypatch.setattr(sys, "argv", ["/x/lab", "run", "ä" * 200])

    assert doing().startswith("lab run '" + "?" * 71 + ", since ")


def test_a_lock_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    """Not opened for ever, nor written to."""
    os.mkfifo(tmp_path / "lock")

    with pytest.raises(OSError, match="wanted a regular file, found a pipe"), locked(tmp_path / "lock"):
        pass


@pytest.mark.parametrize("left", ["", f"pid {2**22 + 1}: lab run, since yesterday", "pid x", "nonsense"])
def test_who_waits_is_not_told_of_a_lab_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """A killed lab left its words; whoever holds the lock now, such as a backup, wrote none."""
    monkeypatch.setattr("lab.files.TOLD_AFTER_S", 0.0)
    (tmp_path / "lock").write_text(left)
    told: list[str] = []
    with (tmp_path / "lock").open() as backup:
        fcntl.flock(backup, fcntl.LOCK_EX)

        def tell(words: str) -> None:
            told.append(words)
            fcntl.flock(backup, fcntl.LOCK_UN)

        with locked(tmp_path / "lock", tell=tell):
            assert (tmp_path / "lock").read_text().startswith(f"pid {os.getpid()}: ")
    (words,) = told

    assert f"the lock {tmp_path / 'lock'}, held by another process, which wrote no name into it" in words
    assert (tmp_path / "lock").read_text() == "", "nor does this one stay"
