"""The line that a build is measured for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.builds.inputs import IMAGE_BYTES
from lab.device.fake.build import write_fake_build
from lab.errors import PrepareError
from lab.run.benches import line_of, with_image
from lab.store import Store
from tests.fake_lab import FakeLab, batch_scenario


def test_a_build_in_two_lines_is_measured_for_the_one_named(tmp_path: Path) -> None:
    """A run belongs to the history it was asked for, not to the last line in the alphabet."""
    write_fake_build(tmp_path / "build")
    store = Store(tmp_path / "data")
    build = store.add_build(tmp_path / "build", "nano-paper")
    store.add_build(tmp_path / "build", "release")

    assert line_of(store, build, "nano-paper") == "nano-paper"
    assert line_of(store, build, "release") == "release"
    assert line_of(store, build, build.id[:8]) == "nano-paper"


def test_only_a_regular_file_of_a_pictures_size_is_prepared(tmp_path: Path) -> None:
    """Before the machine's turn is taken: a pipe, a device, a giant, a name that is none."""
    lab = FakeLab(tmp_path / "lab", batch_scenario("[1]", warmup=1, blocks=2))
    os.mkfifo(tmp_path / "pipe.png")
    with (tmp_path / "giant.png").open("wb") as giant:
        giant.truncate(IMAGE_BYTES + 1)

    for image, found in [
        (tmp_path / "pipe.png", "wanted a regular file, found a pipe"),
        (Path("/dev/zero"), "wanted a regular file, found a device"),
        (tmp_path / "giant.png", "wanted at most 536,870,912 bytes, found 536,870,913"),
        (tmp_path / "none.png", "found no such file"),
        (tmp_path / ("x" * 5_000), "File name too long"),
    ]:
        with pytest.raises(PrepareError, match=f"wanted an image file; {found}"):
            with_image([lab.bench], [lab.scenario], image, None, wait_s=0)
    lab.close()
