"""`lab compare --runs` on bad input: runs that may not be compared, one trial, constants, and what is no number.

One run is measured; others are written beside it into the store as the lab would have written them elsewhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lab.identifiers import new_run_id
from lab.records import Context, Run
from lab.store import Store
from tests.lab_process import Lab, null_scenario, run_lab
from tests.saved_checks import CHECKED, EMPTY


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, tiny_build: Path) -> Path:
    """A folder with a data root that holds one finished run of a trial."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "null.toml").write_text(null_scenario("null", blocks=1))
    done = run_lab(folder, ["run", folder / "null.toml", "--build", tiny_build])
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def data(measured: Path, tmp_path: Path) -> Store:
    """A data root of the test's own, with that run's."""
    shutil.copytree(measured / "data", tmp_path / "data")
    return Store(tmp_path / "data")


def another(store: Store, medians: Sequence[float], **facts: str) -> Run:
    """Write a finished run with these medians, one a block, and these facts beside those of the measured one."""
    first = store.run("last")
    (trial,) = store.trials(first.id)[:1]
    context = Context({**first.context.facts, **facts})
    run = replace(first, id=new_run_id(), context=context, blocks=len(medians), status="running", ended_utc=None)
    store.create_run(run)
    for number, median in enumerate(medians, start=1):
        samples = {"null_s": (median,) * 12}
        store.save_trial(
            run.id,
            replace(trial, number=number, block=number - 1, samples=samples, state="steady", first_steady=0),
        )
    store.finish_run(run.id, "finished")
    return store.run(run.id)


def compared(lab: Lab, runs: Sequence[Run]) -> tuple[int, str]:
    """Compare two runs; give exit status and all that was said, without its line breaks."""
    done = lab("compare", "--runs", *(run.id for run in runs))
    assert "this is a bug in the lab" not in done.stderr
    return done.returncode, " ".join(f"{done.stdout} {done.stderr}".split())


def test_what_may_not_be_compared_is_refused_with_both_values_and_what_to_do(lab: Lab, data: Store) -> None:
    """Another kind of device, profile, version of the agent and of the input's work: each by itself would do."""
    theirs = {"device_kind": "phone", "profile": "rooted", "device_agent": "native 2", "work_screen": "w2"}
    ours = another(data, [0.010] * 6, work_screen="w1")
    status, words = compared(lab, [ours, another(data, [0.011] * 6, **theirs)])

    assert status == 2
    assert " incomparable " in words
    for fact, value in theirs.items():
        assert f"{fact}: {ours.context.facts[fact]} (baseline), {value} (candidate)" in words
    assert "Figures of different kinds of device are never compared: measure both on one kind." in words
    assert "measure both under one profile" in words
    assert "Agent or runtime differ: measure both with one version, or ask with --differs runtime." in words
    assert "The two sides do not do the same work: give both builds the same input." in words
    assert "regressed" not in words


def test_one_trial_of_each_is_a_ratio_without_an_interval(lab: Lab, data: Store) -> None:
    """However far apart they are: nothing is claimed, and nothing fails."""
    status, words = compared(lab, [another(data, [0.010]), another(data, [0.030])])

    assert status == 0
    assert "Cannot tell: in 1 pair " in words and "; no interval)" in words


@pytest.mark.parametrize(("candidate", "ratio"), [(0.010, "0 %"), (0.0125, "25"), (0.008, "20")])
def test_constant_samples_are_taken_at_their_word_and_runs_one_after_the_other_get_no_verdict(
    lab: Lab, data: Store, candidate: float, ratio: str
) -> None:
    """A clock that is coarse can give them: no width, no division by it. A ratio, and why it is no verdict."""
    found, words = compared(lab, [another(data, [0.010] * 6), another(data, [candidate] * 6)])

    assert found == 0
    assert "cannot tell" in words and ratio in words
    assert "Not interleaved: whatever changed between the runs" in words
    assert "To get a verdict, measure in turn: `lab compare " in words
    assert "regressed" not in words
    assert "chance that a new trial" not in words and "smallest change visible" not in words
    assert "nan" not in words.lower().replace("nano", "")


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-0.01"])
def test_a_trial_with_a_time_that_is_none_enters_no_figure(lab: Lab, data: Store, bad: str) -> None:
    """No lab writes one; where a file was edited, that trial has no figure and its pair is not there."""
    runs = [another(data, [0.010] * 6), another(data, [0.5] * 6)]
    file = data.trial_folder(runs[1].id, 3) / "trial.json"
    text = file.read_text()
    file.write_text(text.replace("0.5,", f"{bad},", 1))
    assert file.read_text() != text

    status, words = compared(lab, runs)

    assert status == 0
    assert "5 valid pairs" in words
    assert "nan" not in words.lower().replace("nano", "")


@pytest.mark.parametrize(
    ("comparison", "go_on"),
    [(None, "lab run --resume "), ("0192f3a1-0000-7abc-8def-001122334455", "lab compare --resume 0192f3a1-0000")],
)
def test_a_run_that_is_not_finished_is_refused_with_what_goes_on_with_it(
    lab: Lab, data: Store, comparison: str | None, go_on: str
) -> None:
    """A side of a comparison is resumed with the other side only."""
    first = data.run("last")
    cut = replace(first, id=new_run_id(), comparison=comparison, status="interrupted")
    data.create_run(cut)

    status, words = compared(lab, [first, cut])

    assert status == 2
    assert f"run {cut.id} is interrupted: wanted finished runs; resume it: `{go_on}" in words


def test_the_newest_self_check_that_judged_something_is_quoted_beside_a_verdict(lab: Lab, data: Store) -> None:
    """One that was stopped after three seconds hides none; where no other is, it is said how to find out."""
    runs = [another(data, [0.010] * 6), another(data, [0.011] * 6)]
    data.save_selfcheck(EMPTY)
    _, before = compared(lab, runs)
    data.save_selfcheck(CHECKED)
    _, after = compared(lab, runs)

    assert "How often verdicts on host are wrong" not in before, "there is no verdict"
    assert "Self-check of host, 2026-01-02, selfcheck: equal builds called changed: 0 of 1" in after
