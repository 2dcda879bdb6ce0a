"""An explanation in a terminal: short for a run without problems, complete for one trial."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_agents.contract import InvalidReason
from lab.report.explain.page import render_explanation_page
from lab.report.explain.terminal import render_explanation, render_trial
from tests.lab.report.report_runs import (
    CELLS,
    HOSTILE,
    bad,
    explained,
    fine,
    flat,
    kept_of,
    printed,
    run_of,
)


def test_72_fine_trials_take_one_line() -> None:
    """A long run without problems is short to read."""
    text = printed(render_explanation(explained(kept_of(fine(36)))))

    assert "72 trials: 72 count." in text
    assert "Trials 1-72 (72 of 72): fine (all steady)" in text
    assert "Nothing: the trials are as they should be." in text
    assert len(text.splitlines()) < 30


@pytest.mark.parametrize("width", [80, 100])
def test_odd_trials_are_described_and_fine_ones_are_not(width: int) -> None:
    """They get a reason, a finding and advice; the fine trials stay a range."""
    trials = fine(36)
    trials[16] = bad(trials[16], InvalidReason.WRONG_OUTPUT, "features lie 0.31 from the oracle's, 0.05 allowed")
    for index in (40, 41, 42, 43, 44):
        trials[index] = bad(trials[index], InvalidReason.AGENT_DIED, "the agent was ended by signal 9")
    trials[50] = replace(trials[50], state="unsteady")
    text = printed(render_explanation(explained(kept_of(trials))), width)

    assert max(len(line) for line in text.splitlines()) <= width and "…" not in text and "\x1b" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    words = flat(text)
    assert "72 trials: 65 count, 6 invalid and 1 never settled." in words
    assert "Trials 1-16, 18-40, 46-50, 52-72 (65 of 72): fine (all steady)" in words
    assert "Trial 17: invalid, wrong_output: its output differs from the reference model's" in words
    assert "17 (1 patch per batch) at 01:16:00: features lie 0.31 from the oracle's" in words
    assert "Trials 41-45 (5 of 72): invalid, agent_died" in words and "likewise 44-45" in words
    assert "1. agent_died (5 of 72 trials). Find out what ended it: lack of memory" in words
    assert words.index("invalid, agent_died") < words.index("): fine ("), "what is wrong comes first"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_run_of_hardly_any_trials_is_explained(count: int) -> None:
    """It claims nothing about variance, and draws no bars for one value."""
    found = explained(kept_of(fine(2)[:count]), replace(run_of(CELLS), status="interrupted"))
    words = flat(printed(render_explanation(found)))

    assert (f"{count} trial" if count else "No trial.") in words and "The run is interrupted." in words
    assert "rank correlation" not in words
    assert "lab run --resume" in words
    render_explanation_page(found)


def test_one_trial_is_told_in_full() -> None:
    """Its agent's last output included; an unknown number is refused."""
    trials = fine(2)
    trials[2] = bad(trials[2], InvalidReason.AGENT_DIED, f"signal 9 {HOSTILE}")
    kept = kept_of(trials)
    kept[2] = replace(kept[2], last_words=f"out of memory {HOSTILE}")
    text = printed(render_trial(explained(kept), 3))

    assert "invalid, agent_died" in text and "out of memory" in text and "\x1b" not in text
    with pytest.raises(KeyError):
        render_trial(explained(kept), 99)


def test_medians_that_are_told_as_one_are_level() -> None:
    """No lowest and highest bar below the words that all are 100 %."""
    text = printed(render_explanation(explained(kept_of(fine(1)))))

    assert "medians, all 100 % of the cell's mean" in text and "\n  ▅▅\n" in text
