"""A data root stays itself when it is moved, and a copy becomes a root of its own."""

from __future__ import annotations

import json
import shutil
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.store import Store
from lab.store.root import identify
from tests.saved_runs import comparison_of, run_of


def identity(root: Path) -> str:
    """Return the id of a data root as a newly started lab finds it."""
    Store(root)
    return identify(root).id


def from_another_host(root: Path, **changed: object) -> None:
    """Make the identity look as if a lab on another host had saved it."""
    path = root / "root.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"host": "elsewhere"} | changed))


def test_a_new_root_draws_an_identity_once(tmp_path: Path) -> None:
    """A UUID, in a file that a person can read; two roots have two."""
    first, second = identity(tmp_path / "a"), identity(tmp_path / "b")

    assert str(uuid.UUID(first)) == first
    assert json.loads((tmp_path / "a" / "root.json").read_text())["id"] == first
    assert first == identity(tmp_path / "a") != second


def test_a_root_that_is_moved_stays_itself(tmp_path: Path) -> None:
    """By a rename, and to another disk, where it is copied and then removed."""
    first = identity(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert identity(tmp_path / "b") == first

    shutil.copytree(tmp_path / "b", tmp_path / "c")
    shutil.rmtree(tmp_path / "b")
    assert identity(tmp_path / "c") == first
    assert json.loads((tmp_path / "c" / "root.json").read_text())["path"] == str(tmp_path / "c")


def test_a_root_restored_from_a_backup_in_its_place_stays_itself(tmp_path: Path) -> None:
    """Its folders have other inodes then."""
    first = identity(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "backup")
    shutil.rmtree(tmp_path / "a")
    shutil.copytree(tmp_path / "backup", tmp_path / "a")

    assert identity(tmp_path / "a") == first


def test_a_root_reached_by_another_path_stays_itself(tmp_path: Path) -> None:
    """By a link, from either side."""
    first = identity(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")

    assert identity(tmp_path / "link") == identity(tmp_path / "a") == first


def test_a_copy_beside_its_original_is_a_root_of_its_own(tmp_path: Path) -> None:
    """The original keeps its identity, and the copy keeps its new one."""
    first = identity(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    copy = identity(tmp_path / "b")

    assert copy != first
    assert (identity(tmp_path / "a"), identity(tmp_path / "b")) == (first, copy)


def test_a_folder_that_two_hosts_see_is_one_root(tmp_path: Path) -> None:
    """A network file system or a container's volume: another host, the same inodes."""
    first = identity(tmp_path / "a")
    from_another_host(tmp_path / "a", path="/mnt/elsewhere")

    assert identity(tmp_path / "a") == first


def test_a_root_that_came_from_another_host_is_a_root_of_its_own(tmp_path: Path) -> None:
    """Nobody here can see whether its original is still in use."""
    first = identity(tmp_path / "a")
    from_another_host(tmp_path / "a", inode=(tmp_path / "a" / "runs").stat().st_ino + 1)

    assert identity(tmp_path / "a") != first


def test_a_copy_shares_an_index_with_its_original(shared: str, tmp_path: Path) -> None:
    """What both hold is in both lists; what one measured later is in its own only."""
    with closing(Store(tmp_path / "a", shared)) as original:
        original.create_run(run_of("a0"))
        original.save_comparison(comparison_of(1))
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        with closing(Store(tmp_path / "b", shared)) as copy:
            copy.create_run(run_of("a1"))
            original.create_run(run_of("a2"))

            assert copy.reindex()["run"] == 2
            assert [run.id for run in copy.runs()] == ["a1", "a0"]
            assert [run.id for run in original.runs()] == ["a2", "a0"]
            assert original.comparisons() == copy.comparisons() == [comparison_of(1)]


def test_a_damaged_identity_is_named(tmp_path: Path) -> None:
    """A rebuild needs it; results and lists do not."""
    with closing(Store(tmp_path)) as store:
        store.create_run(run_of("a0"))
    whole = json.loads((tmp_path / "root.json").read_text())

    for damaged in ("{", json.dumps(whole | {"path": "/a\x00b"}), json.dumps(whole | {"path": "/x" * 5_000})):
        (tmp_path / "root.json").write_text(damaged)
        with closing(Store(tmp_path)) as store:
            assert store.run("a0") == run_of("a0")
            with pytest.raises(StoreError, match=r"root\.json: damaged"):
                store.reindex()
