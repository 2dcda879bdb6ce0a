"""The adb scripts, run by this machine's own shell; test_transport.py runs them on a phone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.device.adb import scripts
from lab.errors import DeviceRefused

WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def run(script: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a script as adbd does."""
    return subprocess.run(["sh", "-c", script], input=stdin, capture_output=True, check=False)


@given(st.lists(WORD, min_size=1, max_size=6))
def test_a_shell_splits_a_quoted_line_into_the_same_words(words: list[str]) -> None:
    """Quotes, dollars, line breaks, backslashes, dashes and empty words."""
    done = run(f"printf '%s\\0' {scripts.quoted(words)}")

    assert done.stdout.decode().split("\0")[:-1] == words


@pytest.mark.parametrize(("word", "why"), [("a\0b", "zero byte"), ("\ud800", "not Unicode")])
def test_a_word_that_no_command_line_can_carry_is_refused(word: str, why: str) -> None:
    """Refused here: a device would get another word."""
    with pytest.raises(DeviceRefused, match=why):
        scripts.quoted([word])


@pytest.mark.parametrize("path", ["", "relative", "/a\nb", "/a\0b", "/a\rb", "/\ud800"])
def test_a_path_no_list_could_hold_is_refused(path: str) -> None:
    """The lab keeps its lists one path a line."""
    with pytest.raises(DeviceRefused):
        scripts.push(path, 1)


@pytest.mark.parametrize(
    ("argv", "environment", "why"),
    [
        ([], {}, "wanted a program"),
        (["a=b"], {}, "wanted a program whose name has no `=`"),
        (["agent"], {"A B": "1"}, "'A B' cannot be the name of an environment variable"),
    ],
)
def test_what_env_would_misread_is_not_started(argv: list[str], environment: dict[str, str], why: str) -> None:
    """`env` takes a word with `=` for a variable."""
    with pytest.raises(DeviceRefused, match=why):
        scripts.start(argv, environment, "/folder", "/out", "/err", limit_s=60)


def test_a_push_that_was_cut_leaves_the_old_file(tmp_path: Path) -> None:
    """A file on the device is the old one or the whole new one."""
    target = tmp_path / "folder" / "job.json"
    assert run(scripts.push(str(target), 3), b"old").returncode == 0

    assert run(scripts.push(str(target), 5), b"new").returncode != 0
    assert target.read_bytes() == b"old"


def test_an_upload_cuts_what_lies_behind_the_offset(tmp_path: Path) -> None:
    """It was never confirmed; fewer bytes than the offset are refused with their number."""
    target = tmp_path / "part"
    target.write_bytes(b"0123456789")

    assert run(scripts.upload(str(target), 4), b"abc").returncode == 0
    assert target.read_bytes() == b"0123abc"
    refused = run(scripts.upload(str(target), 8), b"x")
    assert (refused.returncode, refused.stderr) == (scripts.NOT_THERE, b"7\n")


def test_a_guarded_script_stops_when_the_lease_has_another_number(tmp_path: Path) -> None:
    """It prints the new holder, and nothing behind the guard runs."""
    lease = tmp_path / "lease"
    lease.write_text("owner=somebody else\nfence=8\n")

    stopped = run(scripts.guard(str(lease), 7) + "echo written")

    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (scripts.NOT_OURS, b"", b"somebody else\n")
    assert run(scripts.guard(str(lease), 8) + "echo written").stdout == b"written\n"


def test_a_script_for_another_boot_stops(tmp_path: Path) -> None:
    """A device that gives no boot id is not asked."""
    ours = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    assert run(scripts.same_boot("another") + "echo on").returncode == scripts.OTHER_BOOT
    assert run(scripts.same_boot(ours) + "echo on").stdout == b"on\n"
    assert scripts.same_boot("") == ""
