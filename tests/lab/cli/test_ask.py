"""The command `lab ask`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from lab.cli.ask import default_line
from lab.store import Store
from tests.lab_process import Lab


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small image."""
    Image.new("RGB", (60, 40), "white").save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_the_answer_alone_is_on_stdout(lab: Lab, tmp_path: Path, tiny_build: Path, image: Path) -> None:
    """Below it, on stderr, one reading, the build, the device, and that random weights answer noise."""
    done = lab("ask", image, "What is this?", "--build", tiny_build, "--tokens", "5")

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n") and "tokens/s" not in done.stdout
    assert "First token after " in done.stderr and "cut after 5 tokens" in done.stderr
    assert "one reading, not a measurement. Build tiny-fp32 (" in done.stderr and ") on host" in done.stderr
    assert done.stderr.endswith("Its weights are random: the answer is noise\n")
    assert not any((tmp_path / "data").glob("runs/*")) and not any((tmp_path / "data").glob("inputs/*"))


def test_what_cannot_be_asked_is_one_message(lab: Lab, tmp_path: Path, tiny_build: Path) -> None:
    """Status 2, nothing on stdout; the program that decodes images reports a file that is not one."""
    (tmp_path / "a.png").write_bytes(b"GIF89a, but no more")
    done = lab("ask", tmp_path / "a.png", "x", "--build", tiny_build)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: '") and "a.png': wanted an image (PNG, JPEG" in done.stderr


def test_the_model_that_reads_is_asked_first(tmp_path: Path, tiny_build: Path) -> None:
    """Where the store has it; else the line that every command measures."""
    store = Store(tmp_path / "data")
    assert default_line(store) == "nano-paper"

    store.add_build(tiny_build, "reader-paper")
    assert default_line(store) == "reader-paper"
