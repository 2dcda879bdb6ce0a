"""Why trials counted or not, in words; unknowns are reported as unknown."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.records import FLAGS, Context, Inject
from lab.records.explanation import Doing
from lab.report.explain.terminal import render_explanation
from lab.report.explain.view import numbers_of
from tests.lab.report.report_runs import (
    CELLS,
    explained,
    fine,
    flat,
    kept_of,
    printed,
    run_of,
)


def test_numbers_are_grouped() -> None:
    """As people write them."""
    assert numbers_of([1, 2, 3, 5, 9, 10]) == "1-3, 5, 9-10"
    assert numbers_of([]) == ""


def test_what_holds_for_most_trials_is_said_once() -> None:
    """A busy host without sensors gets two lines, not two for each trial, and being busy is the first advice."""
    trials = [replace(trial, flags=("busy", "ungated")) for trial in fine(6)]
    words = flat(printed(render_explanation(explained(kept_of(trials, Doing(others_cores=1.9))))))

    assert words.count(FLAGS["busy"]) == 1
    assert f"12 of 12 trials: {FLAGS['busy']}" in words
    assert "1. 12 of 12 trials began on a busy device (during these others used 1.9 cores, the median)" in words


def test_the_load_told_of_busy_trials_is_that_of_the_busy_ones() -> None:
    """Two busy trials beside ten quiet ones: the median of all twelve would be 0.1 cores."""
    trials = fine(6)
    kept = kept_of([replace(trial, flags=("busy",)) for trial in trials[:2]], Doing(others_cores=1.9))
    kept += kept_of(trials[2:], Doing(others_cores=0.1))

    (step,) = [step for step in explained(kept).advice if "busy" in step]

    assert step.startswith(
        "2 of 12 trials began on a busy device (during these others used 1.9 cores, the median)"
    )


@pytest.mark.parametrize("kind", ["host", "phone"])
def test_only_a_device_that_could_read_a_temperature_gets_advice_on_it(kind: str) -> None:
    """A phone may allow its sensors to be read; this machine is never left to cool."""
    trials = [replace(trial, flags=("ungated",)) for trial in fine(6)]
    run = replace(run_of(CELLS), context=Context({"device_kind": kind}))
    words = flat(printed(render_explanation(explained(kept_of(trials), run))))

    advice = f"12 of 12 trials began at an unknown temperature: `lab probe {run.device}` shows"
    assert (advice in words) == (kind == "phone")


def test_one_flagged_trial_is_a_remark() -> None:
    """It counts, but is not listed among the fine ones."""
    trials = fine(6)
    trials[4] = replace(trials[4], flags=("busy",))
    words = flat(printed(render_explanation(explained(kept_of(trials)))))

    assert "Trials 1-4, 6-12 (11 of 12): fine" in words
    assert "Trial 5: counts, with a remark 5 (1 patch per batch)" in words


def test_a_trial_far_from_its_cells_others_is_pointed_out() -> None:
    """It takes twice as long and is valid nevertheless: a reader must know."""
    trials = fine(6)
    trials[7] = replace(trials[7], samples={"encode_s": (0.6, 0.6, 0.6)})
    found = explained(kept_of(trials))

    assert [line.number for line in found.lines if line.remarks] == [8]
    assert re.search(r"\d+ % slower than its cell's mean", found.lines[7].remarks[0])


def test_a_memory_pass_is_not_advised_to_settle_and_a_missing_sensor_is() -> None:
    """Its times are discarded, so settling does not matter; a trial gated by fewer sensors gets advice."""
    trials = fine(1)
    trials[1] = replace(trials[1], purpose="memory", state="unsteady")
    kept = kept_of(trials)
    gone = kept_of([replace(trial, flags=("sensor_gone",)) for trial in fine(12)])

    assert not any("never settled" in step for step in explained(kept).advice)
    assert any("24 of 24 trials began without a reading of a sensor" in step for step in explained(gone).advice)


def test_an_injected_run_says_that_its_figures_are_not_the_builds() -> None:
    """In its summary."""
    found = explained(kept_of(fine(4)), replace(run_of(CELLS), inject=Inject("prefill", 1.1)))

    assert "A slow-down of 10 % was injected into prefill: this run tests the lab" in found.summary


def test_drift_with_time_is_claimed_and_said() -> None:
    """Medians that rise by 1 % a minute for 24 trials."""
    trials = [replace(t, samples={"encode_s": (0.3 * 1.01**t.number,) * 3}) for t in fine(12)]
    found = explained(kept_of(trials))

    assert any(line.startswith("time: the later, the higher the figure") for line in found.variance)
    assert any("drift with time" in step for step in found.advice)
