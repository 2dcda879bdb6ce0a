"""The figures of a night from its trials."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from device_agents.reasons import InvalidReason
from lab.nightly.figures import context_of, figures_of
from lab.records import BuildAt, Context
from tests.lab.nightly.night_lab import NightLab

BUILD = BuildAt("b" * 64, "fake", 1)


def test_a_figure_is_the_median_of_its_trials_with_their_relative_error(tmp_path: Path) -> None:
    """Four trials, one of which does not count; the error is that of the logs' mean."""
    lab = NightLab(tmp_path)
    night = lab.night("2026-11-01")
    run = lab.store.runs()[0]
    trials = [
        replace(trial, samples={"encode_s": (seconds,) * 2}, state="steady", first_steady=0)
        for trial, seconds in zip(lab.store.trials(run.id), (1.0, 1.0, math.e**0.3, 9.0), strict=True)
    ]
    trials[3] = replace(trials[3], valid=False, reason=InvalidReason.STARVED)

    (value,), missing = figures_of(run, trials, BUILD)

    assert (value.value, value.trials, value.lost, missing) == (1.0, 3, 1, [])
    assert value.error == pytest.approx(0.3 / 3)
    assert (value.series.device, value.run, value.context["device kind"]) == ("phone-1", run.id, "phone")
    assert night.counts == {"no history": 1}


def test_a_cell_with_too_few_trials_has_no_figure_and_says_why(tmp_path: Path) -> None:
    """The reasons are counted."""
    lab = NightLab(tmp_path)
    lab.night("2026-11-01")
    run = lab.store.runs()[0]
    trials = [
        replace(trial, valid=trial.block == 0, reason=None if trial.block == 0 else InvalidReason.THROTTLED)
        for trial in lab.store.trials(run.id)
    ]

    assert figures_of(run, trials, BUILD) == (
        [],
        ["patches_per_batch=3: 1 of 4 trials counted, wanted 3, 3 throttled"],
    )


@pytest.mark.parametrize(
    ("fact", "changed"),
    [
        ("device_fingerprint", {"device software"}),
        ("device_agent", {"agent"}),
        ("device_runtime", {"runtime"}),
        ("profile", {"profile"}),
        ("cells", {"definition"}),
        ("iterations", {"definition"}),
        ("work_screen", {"definition"}),
        ("build", set()),
        ("input_screen", set()),
    ],
)
def test_what_splits_a_history(tmp_path: Path, fact: str, changed: set[str]) -> None:
    """Software, agent, runtime, profile and definition do; another build does not."""
    lab = NightLab(tmp_path)
    lab.night("2026-11-01")
    run = lab.store.runs()[0]
    other = replace(run, context=Context({**run.context.facts, fact: "another"}))

    ours, theirs = context_of(run), context_of(other)

    assert {name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)} == changed
