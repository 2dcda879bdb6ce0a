"""A run is resumed where it stopped, on the same device, and in the same surroundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.errors import RunError
from lab.records import Context
from lab.run.resume import profile_of, reopen, scenario_of, unfinished
from lab.run.runner import open_run, order, run
from tests.fake_lab import TOML, ScriptedLab
from tests.saved_runs import run_of


def test_an_interrupted_run_is_marked_and_resumed_where_it_stopped(make: Callable[..., ScriptedLab]) -> None:
    """The trial before the cut is saved; resuming measures only the other three, in order."""
    lab = make()
    record = lab.begin()
    trials = run(record, lab.scenario, lab.bench)
    next(trials)
    trials.close()
    assert lab.store.run(record.id).status == "interrupted"

    reopen(record, lab.scenario, lab.bench)
    rest = lab.go_on(record)

    assert [trial.number for trial in rest] == [2, 3, 4]
    assert [trial.cell for trial in rest] == [place.cell.key for place in order(record)[1:]]
    assert lab.store.run(record.id).status == "finished"


def test_a_run_does_not_go_on_in_other_surroundings(make: Callable[..., ScriptedLab]) -> None:
    """Trials of another plan cannot be compared with those already there."""
    lab = make()
    record = lab.begin()
    other = make(toml=TOML.replace("iterations = 2", "iterations = 5"))

    with pytest.raises(RunError, match="iterations was 2, is 5"):
        reopen(record, other.scenario, other.bench)


def test_a_run_does_not_go_on_on_another_phone_of_the_same_model(make: Callable[..., ScriptedLab]) -> None:
    """An address may belong to another phone by now, and the Contexts of two phones of one model are equal."""
    lab = make()
    record = lab.begin()
    device = lab.bench.device
    other = replace(lab.bench, device=replace(device, identity=replace(device.identity, name="fake-2")))

    with pytest.raises(RunError, match="begun on fake, and the device found there now is fake-2"):
        reopen(record, lab.scenario, other)


@pytest.mark.parametrize(
    "facts", [{}, {"warmup": "\u00b2", "iterations": "3"}, {"warmup": "1", "iterations": "9" * 5_000}]
)
def test_a_context_that_was_changed_by_hand_is_refused_in_words(facts: dict[str, str]) -> None:
    """Not a bug of the lab: neither a number that is none nor a profile that is none."""
    record = replace(run_of(), context=Context({**facts, "profile": "wild"}))

    with pytest.raises(RunError, match="it was changed by hand"):
        scenario_of(record)
    with pytest.raises(RunError, match="no profile 'wild'"):
        profile_of(record)


def test_a_run_of_a_night_is_resumed_with_its_night(make: Callable[..., ScriptedLab]) -> None:
    """It is not the run that the user asked for last; by name, the command that resumes the whole is named."""
    lab = make()
    own = lab.begin()
    part = open_run(lab.scenario, lab.bench, seed=7, suite="nightly", line="fake", night="some night")

    assert unfinished(lab.store, None).id == own.id
    with pytest.raises(RunError, match="part of a night; resume the whole: `lab nightly --resume`"):
        unfinished(lab.store, part.id)
