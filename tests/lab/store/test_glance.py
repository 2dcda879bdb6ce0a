"""The list of runs, from their files alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.store import Store
from lab.store.glance import Glance, newest
from tests.saved_answers import saved_run

FIRST, SECOND = "018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with two runs."""
    opened = Store(tmp_path)
    saved_run(opened, FIRST)
    saved_run(opened, SECOND, minute=1)
    yield opened
    opened.close()


def test_runs_are_listed_newest_first(store: Store) -> None:
    """With what their files say."""
    assert list(newest(store.root)) == [
        Glance(SECOND, "2026-01-01T00:01:00.000Z", "null", "", "tiny", "b" * 64, "host", "finished"),
        Glance(FIRST, "2026-01-01T00:00:00.000Z", "null", "", "tiny", "b" * 64, "host", "finished"),
    ]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"run": {"id": "x"}}'])
def test_a_damaged_run_hides_no_other(store: Store, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    """It is left out, and a warning names its file."""
    path = store.root / "runs" / SECOND / "run.json"
    path.write_text(damage)

    with caplog.at_level(logging.WARNING):
        assert [found.id for found in newest(store.root)] == [FIRST]

    assert str(path) in caplog.text


def test_a_data_root_that_is_not_there_has_no_run(tmp_path: Path) -> None:
    """Nothing is made, either."""
    assert list(newest(tmp_path / "nowhere")) == []
    assert not (tmp_path / "nowhere").exists()
