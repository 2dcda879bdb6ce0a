"""The advice of `lab explain` can be followed, and fits its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from device_agents.contract import InvalidReason, Iteration
from lab.records import Run, Trial
from lab.records.explanation import Doing, Evidence
from lab.report.evidence import evidence_of
from lab.report.explain.view import explain
from lab.report.reasons import REASONS
from tests.lab.report.report_runs import CELLS, ENCODE, bad, explained, fine, kept_of, run_of

SIDE = replace(run_of(CELLS), comparison="0192f3a1-0000-7abc-8def-001122334455")
"""A run that is one side of a comparison."""


def advised(run: Run, kept: Sequence[Evidence]) -> str:
    """Return all advice on a run."""
    return " ".join(explain(run, kept, ENCODE).advice)


def short_trials(folder: Path, *, warmups: int, measured: int) -> list[Evidence]:
    """Make four trials, with events, whose few iterations do not show whether they settled."""
    events = [
        Iteration(
            iteration=number,
            phase="warmup" if number < warmups else "measure",
            start_ns=10**9 * number,
            duration_ns=10**8,
        )
        for number in range(warmups + measured)
    ]
    (folder / "events.jsonl").write_text("".join(f"{event.model_dump_json()}\n" for event in events))
    trials = [replace(t, state="unknown", samples={"encode_s": (0.1,) * measured}) for t in fine(4, CELLS[:1])]
    return [evidence_of(trial, folder) for trial in trials]


def test_a_side_of_a_comparison_goes_on_with_the_other_side() -> None:
    """`lab run --resume` refuses it, as both sides are measured in turn."""
    words = advised(replace(SIDE, status="interrupted"), kept_of(fine(4)))

    assert "The run is interrupted: `lab compare --resume 0192f3a1-0000` measures the missing trials." in words
    assert "lab run" not in words


@pytest.mark.parametrize("reason", list(InvalidReason))
def test_no_reason_sends_a_side_of_a_comparison_to_a_command_that_refuses_it(reason: InvalidReason) -> None:
    """How to resume depends on the run, which a reason does not know."""
    assert "lab run" not in REASONS[reason].do
    assert "lab run" not in advised(SIDE, kept_of([bad(fine(1)[0], reason, "")]))


@pytest.mark.parametrize("count", [0, 3])
def test_a_run_that_is_being_measured_is_left_alone(count: int) -> None:
    """Its lab may have been killed, which nothing in it shows, so the advice names the command to resume it."""
    words = advised(run_of(CELLS, status="running"), kept_of(fine(2)[:count]))

    assert "The run is still being measured: ask again when it has ended." in words
    assert "If its lab was killed, `lab run --resume 0192f3a1-7c4e` resumes it." in words
    assert "Nothing" not in words


def test_a_run_without_a_trial_is_not_said_to_be_fine() -> None:
    """It is not reported as fine: it has no trials."""
    assert advised(run_of(CELLS), []) == "Measure it again: it has no trial."


def test_only_lab_run_can_be_asked_for_more_iterations(tmp_path: Path) -> None:
    """`lab compare` takes the plan of its scenario."""
    kept = short_trials(tmp_path, warmups=0, measured=5)

    assert "(`lab run vit_batch --iterations 10 --build nano-paper" in advised(run_of(CELLS[:1]), kept)
    assert "--iterations" not in advised(replace(SIDE, cells=CELLS[:1]), kept)
    assert "(plan.iterations = 10 in its scenario)" in advised(replace(SIDE, cells=CELLS[:1]), kept)


def test_the_name_of_a_scenario_is_no_path(tmp_path: Path) -> None:
    """It comes from a file, and may be long: no other file is looked for by it."""
    run = replace(run_of(CELLS[:1]), scenario="x" * 5_000)

    assert "(plan.iterations = 10 in its scenario)" in advised(run, short_trials(tmp_path, warmups=0, measured=5))


@pytest.mark.parametrize(
    ("warmups", "measured", "state", "enough"),
    [
        (2, 9, "steadiness unknown after 11 iterations", True),
        (2, 7, "steadiness unknown: 9 of the 10 iterations needed", False),
    ],
)
def test_warm_up_counts_among_the_iterations_that_steadiness_takes(
    tmp_path: Path, warmups: int, measured: int, state: str, enough: bool
) -> None:
    """All iterations of a trial show whether it settled, such as the two and nine of the bundled self-check."""
    kept = short_trials(tmp_path, warmups=warmups, measured=measured)
    found = explain(run_of(CELLS[:1]), kept, ENCODE)

    assert {line.state for line in found.lines} == {state}
    assert any("that takes at least 10 iterations, warm-up included" in step for step in found.advice) != enough


def test_a_trial_that_never_settled_is_told_with_all_its_iterations(tmp_path: Path) -> None:
    """It was judged by them."""
    kept = short_trials(tmp_path, warmups=3, measured=12)
    unsettled: list[Trial] = [replace(one.trial, state="unsteady") for one in kept]
    found = explain(
        run_of(CELLS[:1]), [replace(one, trial=t) for one, t in zip(kept, unsettled, strict=True)], ENCODE
    )

    assert found.lines[0].state == "never settled in 15 iterations"


def test_a_machine_that_starved_its_trials_is_told_once() -> None:
    """The same trials were flagged as busy at their start: the advice would be the same."""
    starved = [replace(bad(t, InvalidReason.STARVED, ""), flags=("busy",)) for t in fine(4)]

    found = explained(kept_of(starved), run_of(CELLS))

    assert [step for step in found.advice if "what else runs" in step] == [
        "starved (8 of 8 trials). Stop what else runs on the machine (`top` shows it), then measure again. "
        "gates.cpu_time_least says how much CPU time a trial must get."
    ]


def test_busy_trials_are_told_with_the_load_of_busy_trials() -> None:
    """Four of sixteen ran beside 1.5 cores of others; the median of all would be 0.1."""
    quiet = kept_of(fine(6), Doing(others_cores=0.1))
    busy = kept_of([replace(t, number=t.number + 12, flags=("busy",)) for t in fine(2)], Doing(others_cores=1.5))

    words = " ".join(explained([*quiet, *busy], run_of(CELLS)).advice)

    assert "4 of 16 trials began on a busy device (during these others used 1.5 cores, the median)" in words


def test_one_number_of_trials_began_on_a_busy_device() -> None:
    """Of eight trials five did, one of them starved: the same five stand in the remark on all of them."""
    trials = [replace(trial, flags=("busy",)) if number < 5 else trial for number, trial in enumerate(fine(4))]
    trials[0] = bad(trials[0], InvalidReason.STARVED, "")
    found = explain(run_of(CELLS), kept_of(trials), ENCODE)

    assert "5 of 8 trials: something else kept the device's cores busy when the trial began" in found.common
    assert any(step.startswith("5 of 8 trials began on a busy device, 1 of them starved") for step in found.advice)
