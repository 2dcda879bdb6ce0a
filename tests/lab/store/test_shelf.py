"""Builds are kept once, whole, in the order of their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.device.fake.build import write_fake_build
from lab.errors import BuildError
from lab.store import Store
from tests.saved_runs import other_build


def test_builds_stand_in_their_line_in_the_order_they_were_added(store: Store, tmp_path: Path) -> None:
    """A line's name finds its newest, an id's beginning that build, a folder itself."""
    first = store.add_build(other_build(tmp_path / "1", "one"), "nano")
    second = store.add_build(other_build(tmp_path / "2", "two"), "nano")

    assert first.folder == store.builds_folder / first.id
    assert [(row.id, row.line, row.revision, row.model, row.recipe) for row in store.builds()] == [
        (first.id, "nano", 1, "fake", "fp32"),
        (second.id, "nano", 2, "fake", "fp32"),
    ]
    assert store.find_build("nano").id == second.id
    assert store.find_build(first.id[:10]).id == first.id
    assert store.find_build(str(tmp_path / "1")).folder == tmp_path / "1"


def test_adding_a_build_again_changes_nothing_and_says_so(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another line may name the same build; one that comes back after another is a new revision."""
    caplog.set_level("INFO", logger="lab")
    first = store.add_build(other_build(tmp_path / "1", "one"), "nano")
    again = store.add_build(tmp_path / "1", "nano")
    before = len(store.builds())
    store.add_build(tmp_path / "1", "other")
    store.add_build(other_build(tmp_path / "2", "two"), "nano")
    store.add_build(first.folder, "nano")

    assert (again, before) == (first, 1)
    assert f"build {first.id[:12]} is already revision 1 of line nano" in caplog.text
    assert [(row.line, row.revision) for row in store.builds()] == [
        ("nano", 1),
        ("nano", 2),
        ("nano", 3),
        ("other", 1),
    ]
    assert store.find_build("nano").id == first.id


def test_a_damaged_build_is_not_added(store: Store, tmp_path: Path) -> None:
    """It is named where it lies, and nothing is copied."""
    write_fake_build(tmp_path / "build")
    (tmp_path / "build" / "vit.onnx").write_bytes(b"")

    with pytest.raises(BuildError, match=r"vit\.onnx: truncated"):
        store.add_build(tmp_path / "build", "nano")
    assert list(store.builds_folder.iterdir()) == []


def test_a_damaged_copy_is_replaced_by_a_whole_one(store: Store, tmp_path: Path) -> None:
    """Adding the build again mends the store."""
    write_fake_build(tmp_path / "build")
    kept = store.add_build(tmp_path / "build", "nano")
    (kept.folder / "vit.onnx").write_bytes(b"")
    (store.builds_folder / ".adding-left-by-a-crash").mkdir()
    store.add_build(tmp_path / "build", "nano")

    assert (kept.folder / "vit.onnx").read_bytes() == b"a stand-in, no network"
    assert [path.name for path in store.builds_folder.iterdir()] == [kept.id]


def test_one_build_of_a_line_is_its_baseline(store: Store, tmp_path: Path) -> None:
    """The next one takes its place."""
    first = store.add_build(other_build(tmp_path / "1", "one"), "nano")
    second = store.add_build(other_build(tmp_path / "2", "two"), "nano")
    store.set_baseline("nano", first.id)
    store.set_baseline("nano", second.id[:12])

    assert [row.baseline for row in store.builds()] == [False, True]
    with pytest.raises(BuildError, match="0 builds begin with 'zz'"):
        store.set_baseline("nano", "zz")
    with pytest.raises(BuildError, match="no line 'pico'; known: nano"):
        store.set_baseline("pico", first.id)


def test_a_build_is_asked_for_in_words_that_fit_one(store: Store, tmp_path: Path) -> None:
    """What could have been meant is listed."""
    with pytest.raises(BuildError, match="no build 'nano': wanted a line"):
        store.find_build("nano")
    with pytest.raises(BuildError, match=r"'\.\./x' cannot name a line"):
        store.add_build(other_build(tmp_path / "1", "one"), "../x")
    for number in range(17):  # of 17 ids two begin with the same hexadecimal digit
        store.add_build(other_build(tmp_path / str(number), str(number)), "nano")
    digits = [row.id[0] for row in store.builds()]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(BuildError, match=f"builds begin with '{shared}'"):
        store.find_build(shared)
