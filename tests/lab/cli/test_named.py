"""The record that a user names."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lab.cli.named import named
from lab.errors import StoreError
from lab.store import Store
from tests.saved_runs import run_of


def test_an_unknown_id_is_looked_for_in_the_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip of the pen makes no index, and no data root where there was none."""
    monkeypatch.delenv("POCKETLAB_INDEX", raising=False)

    with pytest.raises(StoreError, match=r"no record has an id that begins 'zz'.*none yet"):
        named(tmp_path / "none", "zz")
    assert not (tmp_path / "none").exists()
    with closing(Store(tmp_path)) as store:
        store.create_run(run_of("a0"))
    for path in tmp_path.glob("index*"):
        path.unlink()
    with pytest.raises(StoreError, match=r"no record has an id that begins 'zz'.*the newest: run a0"):
        named(tmp_path, "zz")
    with closing(Store(tmp_path)) as store, pytest.raises(StoreError, match=r"no run has an id that begins 'zz'"):
        store.run("zz")
    assert not list(tmp_path.glob("index*"))


def test_an_index_that_the_user_named_is_asked_for_another_data_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several data roots may share it."""
    url = f"sqlite:///{tmp_path}/shared.sqlite"
    with closing(Store(tmp_path / "a", url)) as store:
        store.create_run(run_of("a0"))
    monkeypatch.setenv("POCKETLAB_INDEX", url)

    with pytest.raises(StoreError, match=rf"run a0 lies in another data root, the folder {tmp_path}/a on host"):
        named(tmp_path / "b", "a0")
