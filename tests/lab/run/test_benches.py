"""The line that a build is measured for."""

from __future__ import annotations

from pathlib import Path

from lab.device.fake.build import write_fake_build
from lab.run.benches import line_of
from lab.store import Store


def test_a_build_in_two_lines_is_measured_for_the_one_named(tmp_path: Path) -> None:
    """A run belongs to the history it was asked for, not to the last line in the alphabet."""
    write_fake_build(tmp_path / "build")
    store = Store(tmp_path / "data")
    build = store.add_build(tmp_path / "build", "nano-paper")
    store.add_build(tmp_path / "build", "release")

    assert line_of(store, build, "nano-paper") == "nano-paper"
    assert line_of(store, build, "release") == "release"
    assert line_of(store, build, build.id[:8]) == "nano-paper"
