"""A module of another island runs as a process, found where the islands are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.islands.process import message, run_module


def test_the_folder_it_runs_in_cannot_replace_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stray file there may have any name, even one of Python's own."""
    (tmp_path / "device_agents.py").write_text("raise SystemExit('a stray file')")
    (tmp_path / "json.py").write_text("raise SystemExit('a stray file')")
    monkeypatch.chdir(tmp_path)

    assert run_module("device_agents.contract").returncode == 0


def test_a_module_on_the_users_path_is_found_and_its_output_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONPATH is added to, not replaced; a byte that is not UTF-8 does not break the reading."""
    (tmp_path / "theirs.py").write_text(
        "import sys\nsys.stdout.buffer.write(b'\\xff' + ' '.join(sys.argv[1:]).encode())\nsys.exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    done = run_module("theirs", "--out", tmp_path / "größer")

    assert (done.returncode, done.stdout) == (3, f"\ufffd--out {tmp_path / 'größer'}")


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("a warning\nstudy: no such file\nanother\n", "no such file"),
        ("Traceback\nKeyError: 3\n", "KeyError: 3"),
        ("\n", "status 2"),
    ],
)
def test_the_message_of_a_failed_module_is_its_own(stderr: str, words: str) -> None:
    """Its program's line, else the last one, else the status."""
    done = subprocess.CompletedProcess(["x"], 2, "", stderr)

    assert message(done, "study") == words
