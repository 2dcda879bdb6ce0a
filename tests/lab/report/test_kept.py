"""What is kept is what would be computed, or it is not used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.records import Answer, Run
from lab.records.explanation import Explanation
from lab.report.answer.saved import answer_of
from lab.report.explain.saved import explained
from lab.report.kept import ANSWER, EXPLANATION, kept
from lab.store import Store
from tests.saved_answers import saved_run, trial_of

KINDS: dict[str, tuple[type, Callable[[Store, Run], object]]] = {
    ANSWER: (Answer, lambda store, run: answer_of(store, run)[0]),
    EXPLANATION: (Explanation, explained),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    opened = Store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def run(store: Store) -> Run:
    """A run that has ended, with what a sensor said during its first trial."""
    found = saved_run(store)
    (store.trial_folder(found.id, 1) / "vitals.jsonl").write_text('{"boot_s":1.0,"celsius":{"skin":30.5}}\n')
    return found


@pytest.mark.parametrize("file", KINDS)
def test_what_was_kept_is_what_was_computed(store: Store, run: Run, file: str) -> None:
    """All of it: figures to the last bit, words, classes."""
    kind, compute = KINDS[file]
    path = store.trials_folder(run.id).parent / file
    assert kept(kind, path) is None

    computed = compute(store, run)

    assert kept(kind, path) == computed


CHANGES: dict[str, Callable[[Store, Path, str], object]] = {
    "a trial is added": lambda store, folder, _: store.save_trial(folder.name, trial_of(9, 1.0)),
    "a trial is measured again": lambda store, folder, _: store.save_trial(folder.name, trial_of(8, 2.0)),
    "a trial is taken away": lambda store, folder, _: shutil.rmtree(folder / "trials/0008"),
    "the run goes on": lambda store, folder, _: store.finish_run(folder.name, "interrupted"),
    "a file is edited by hand": lambda store, folder, _: (folder / "run.json").write_text(
        (folder / "run.json").read_text()
    ),
    "raw lines appear": lambda store, folder, _: (folder / "trials/0002/vitals.jsonl").touch(),
    "raw lines change": lambda store, folder, _: (folder / "trials/0001/vitals.jsonl").write_text(
        '{"boot_s":1.0,"celsius":{"skin":99.5}}\n'
    ),
    "it is damaged": lambda store, folder, file: (folder / file).write_text("{"),
    "it has another shape": lambda store, folder, file: (folder / file).write_text(
        json.dumps({**json.loads((folder / file).read_text()), "kept": {}})
    ),
    "it is another version's": lambda store, folder, file: (folder / file).write_text(
        json.dumps({**json.loads((folder / file).read_text()), "of": "another"})
    ),
}


@pytest.mark.parametrize("file", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_it_is_computed_again_after_any_change(store: Store, run: Run, change: str, file: str) -> None:
    """No stale figure is ever shown, and a damaged file is no error."""
    kind, compute = KINDS[file]
    folder = store.trials_folder(run.id).parent
    compute(store, run)
    CHANGES[change](store, folder, file)

    assert kept(kind, folder / file) is None
    again = compute(store, store.run(run.id))
    assert kept(kind, folder / file) == again


def test_an_explanation_names_trials_that_were_edited_also_when_it_was_kept(store: Store, run: Run) -> None:
    """The edited trial is in no figure."""
    path = store.trials_folder(run.id) / "0003" / "trial.json"
    path.write_text(path.read_text().replace("0.9", "0.1"))
    explained(store, run)

    found = kept(Explanation, path.parents[2] / EXPLANATION)

    assert found is not None
    assert 3 not in [line.number for line in found.lines]
    assert "not looked at" in found.common[0] and "0003/trial.json: changed since its run ended" in found.common[0]
