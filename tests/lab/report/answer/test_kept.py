"""A kept answer is the one that would be computed, or it is not used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.records import Answer
from lab.report.answer.kept import kept
from lab.report.answer.saved import answer_of
from lab.store import Store
from tests.saved_answers import saved_run, trial_of

OLDER, NEWER = "018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    opened = Store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def computed(store: Store) -> Answer:
    """The answer of its only run, computed and kept."""
    return answer_of(store, saved_run(store, OLDER))[0]


def test_an_answer_is_the_same_when_it_was_kept(store: Store, computed: Answer) -> None:
    """All of it: figures to the last bit, words, classes."""
    assert kept(store.root, "last") == computed


def test_a_run_that_was_never_answered_has_none(store: Store) -> None:
    """It is computed."""
    saved_run(store)

    assert kept(store.root, "last") is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [("last", NEWER), (NEWER, NEWER), (OLDER, OLDER), ("018f", None), ("019", None), ("", None)],
)
def test_a_run_is_named_as_for_every_other_command(store: Store, text: str, meant: str | None) -> None:
    """`last` or the start of one id; for none or several there is nothing to print, and the store says why."""
    for minute, run_id in enumerate((OLDER, NEWER)):
        answer_of(store, saved_run(store, run_id, minute))

    found = kept(store.root, text)

    assert (None if found is None else found.run.id) == meant


CHANGES: dict[str, Callable[[Store, Path], object]] = {
    "a trial is added": lambda store, folder: store.save_trial(folder.name, trial_of(9, 1.0)),
    "a trial is measured again": lambda store, folder: store.save_trial(folder.name, trial_of(8, 2.0)),
    "a trial is taken away": lambda store, folder: shutil.rmtree(folder / "trials/0008"),
    "the run goes on": lambda store, folder: store.finish_run(folder.name, "interrupted"),
    "a file is edited by hand": lambda store, folder: (folder / "run.json").write_text(
        (folder / "run.json").read_text()
    ),
    "raw lines appear": lambda store, folder: (folder / "trials/0001/vitals.jsonl").touch(),
    "the answer is damaged": lambda store, folder: (folder / "answer.json").write_text("{"),
    "the answer has another shape": lambda store, folder: (folder / "answer.json").write_text(
        json.dumps({**json.loads((folder / "answer.json").read_text()), "answer": {}})
    ),
    "the answer is another version's": lambda store, folder: (folder / "answer.json").write_text(
        json.dumps({**json.loads((folder / "answer.json").read_text()), "of": "another"})
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_is_computed_again_after_any_change(store: Store, computed: Answer, change: str) -> None:
    """No stale figure is ever shown, and a damaged file is no error."""
    CHANGES[change](store, store.root / "runs" / computed.run.id)

    assert kept(store.root, "last") is None
    again, _ = answer_of(store, store.run("last"))
    assert kept(store.root, "last") == again
