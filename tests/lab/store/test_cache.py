"""The index is a cache: it is waited for only so long, ends nothing, and learns later what it missed."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.store import Store
from lab.store.cache import Cache
from lab.store.index import Index
from tests.saved_runs import dump, reopened, run_of, trial_of

SHORT_S = 0.2


def test_a_database_that_never_answers_is_not_waited_for(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """As a server that was stopped: one warning, then nothing waits until it is tried again."""
    cache, stopped, asked = Cache(store.root, None, patience_s=SHORT_S), threading.Event(), []

    def never(index: Index) -> None:
        asked.append(index)
        stopped.wait()

    for _ in range(3):
        cache.write(never)
    with pytest.raises(StoreError, match=r"gave no answer within 0\.2 s"):
        cache.read(never)
    stopped.set()

    assert len(asked) <= 2
    (warning,) = caplog.messages
    assert "what is measured is safe in its files, and the index learns of it later" in warning


def test_a_locked_index_ends_nothing_and_its_rows_follow(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Another process holds SQLite's lock while a trial is saved; once it lets go, all rows are there."""
    store.create_run(run_of())
    store._cache._patience_s = SHORT_S
    lock = sqlite3.connect(store.root / "index.sqlite")
    lock.execute("BEGIN IMMEDIATE")
    for number in (1, 2):
        store.save_trial(run_of().id, trial_of(number))

    assert [trial.number for trial in store.trials(run_of().id)] == [1, 2]
    assert len(caplog.messages) == 1
    lock.rollback()
    lock.close()
    with reopened(store) as again:
        assert [row[1] for row in dump(again)["trials"]] == [1, 2]


def test_what_was_missed_follows_when_the_index_answers_again(tmp_path: Path) -> None:
    """The last change of a run tries again at once, and the files say what came before it."""
    with_folder = tmp_path / "later" / "index.sqlite"
    store = Store(tmp_path / "data", f"sqlite:///{with_folder}")
    store.create_run(run_of())
    store.save_trial(run_of().id, trial_of(1))
    with_folder.parent.mkdir()
    store.finish_run(run_of().id, "finished")

    rows = dump(store, f"sqlite:///{with_folder}")
    assert [row[1] for row in rows["trials"]] == [1]
    assert [row[0] for row in rows["runs"]] == [run_of().id]
    store.close()


def test_catching_up_reads_only_what_the_index_lacks(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A finished run that it holds is not opened again: its damaged file goes unnoticed."""
    for run_id in ("a0", "a1"):
        store.create_run(run_of(run_id))
        store.save_trial(run_id, trial_of(1))
        store.finish_run(run_id, "finished")
    (store.root / "runs" / "a0" / "run.json").write_text("{")
    with reopened(store) as again:
        assert [run.id for run in again.runs()] == ["a1", "a0"]
    assert not caplog.messages
