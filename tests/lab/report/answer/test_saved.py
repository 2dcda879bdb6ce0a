"""The answer of a saved run: what a reader must know of its figures' origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.records import Answer, Cell, Context
from lab.report.answer.saved import answer_of
from lab.report.kept import ANSWER, kept
from lab.store import Store
from tests.saved_answers import saved_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    opened = Store(tmp_path)
    yield opened
    opened.close()


def test_figures_that_a_foreign_tool_printed_are_said_to_be_parsed(store: Store) -> None:
    """Before all other warnings; our own agents' answers have none of them."""
    run = saved_run(store)
    foreign = replace(run, context=Context({**run.context.facts, "source": "parsed", "device_agent": "llama.cpp"}))

    assert answer_of(store, foreign)[0].warnings[0].startswith("Parsed: llama.cpp printed the durations. ")
    assert not any("Parsed" in words for words in answer_of(store, run)[0].warnings)


def test_a_damaged_input_of_the_users_own_is_named_and_its_answer_is_not_kept(store: Store) -> None:
    """The results are shown nevertheless. A kept answer follows the run's folder; the input lies outside it."""
    (store.root / "inputs/abc").mkdir(parents=True)
    run = saved_run(store)
    own = replace(
        run,
        cells=(Cell("null", {"input": "mine"}),),
        context=Context({**run.context.facts, "input_mine": "abc"}),
    )

    found, trials = answer_of(store, own)

    assert len(trials) == found.summaries[0].valid == 8
    assert str(store.root / "inputs/abc") in found.warnings[-1]
    assert kept(Answer, store.trials_folder(run.id).parent / ANSWER) is None


def test_a_trial_that_was_edited_enters_no_figure_and_the_answer_says_so(store: Store) -> None:
    """Also the answer that is kept and printed the next time."""
    run = saved_run(store)
    path = store.trials_folder(run.id) / "0003" / "trial.json"
    path.write_text(path.read_text().replace("0.9", "0.1"))

    found, trials = answer_of(store, run)

    assert 3 not in [trial.number for trial in trials]
    (warning,) = [words for words in found.warnings if "Damaged" in words]
    assert "0003/trial.json: changed since its run ended" in warning
    assert kept(Answer, store.trials_folder(run.id).parent / ANSWER) == found
