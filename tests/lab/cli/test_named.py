"""The record that a user names."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.named import named, run_named
from lab.errors import RunError, StoreError
from lab.store import Store
from tests.saved_answers import saved_run
from tests.saved_checks import CUT
from tests.saved_runs import run_of

FIRST, SECOND, WHOLE = (f"018f0000-000{number}-7000-8000-00000000000{number}" for number in (1, 2, 3))


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


def test_no_side_without_a_trial_is_named_to_a_command_that_needs_one(tmp_path: Path) -> None:
    """Both sides without one: it says so at once. One side without one: the other is named alone."""
    with closing(Store(tmp_path)) as store:
        run = saved_run(store, FIRST)
        for empty in (SECOND, "018f0000-0004-7"):
            store.create_run(replace(run, id=empty))
        store.save_comparison(replace(CUT, id=WHOLE, baseline_run=SECOND, candidate_run="018f0000-0004-7"))
        with pytest.raises(RunError, match=rf"neither of its sides has one; `lab show {WHOLE}` says why"):
            run_named(tmp_path, WHOLE, "lab trace", trials=True)
        with pytest.raises(RunError, match=rf"`lab profile {SECOND}` or `lab profile 018f0000-0004-7`"):
            run_named(tmp_path, WHOLE, "lab profile")

        store.save_comparison(replace(CUT, id=WHOLE, baseline_run=FIRST, candidate_run=SECOND))
        with pytest.raises(RunError, match=rf"name a side of it: `lab trace {FIRST}`$"):
            run_named(tmp_path, WHOLE, "lab trace", trials=True)
