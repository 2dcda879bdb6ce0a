"""Comparisons on a fake phone: verdicts, the order of sides, interruptions and refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from device_agents.contract import InvalidReason
from lab.compare.comparison import Side, measure, open_comparison, reopen, runs_of
from lab.compare.stored import judge_runs
from lab.errors import Incomparable
from lab.records import Comparison, Inject, Trial
from lab.records.explanation import Explanation
from lab.report.explain.saved import explained
from lab.report.kept import EXPLANATION, judged_beside, kept
from lab.run.bench import Progress
from lab.run.resume import scenario_of
from lab.stats.interval import Looks
from lab.stats.plan import order_of
from tests.lab.compare.compare_lab import BOOT, TOML, Lab


def test_builds_that_do_the_same_are_the_same_at_the_first_look(make: Callable[..., Lab]) -> None:
    """Constant samples are taken at their word: six pairs, a ratio of 1, and no gate fails."""
    lab = make()

    found = lab.compare()

    (cell,) = found.cells
    assert (found.status, cell.verdict, cell.pairs) == ("finished", "same", 6)
    assert cell.change is not None
    assert (cell.change.estimate, cell.change.low, cell.change.high) == (1.0, 1.0, 1.0)
    assert cell.p == 1.0
    assert lab.told(found).fails == ()


def test_each_pair_has_an_order_of_its_own_and_both_sides_are_ordinary_runs(make: Callable[..., Lab]) -> None:
    """Pairs in the order drawn by the seed; block n of both runs is pair n; one lease holds for all."""
    lab = make()
    lab.noise = 0.03

    found = lab.compare()

    order = lab.order(found)
    drawn = ["AB" if order_of(5, n)[0] == "baseline" else "BA" for n in range(len(order) // 2)]
    assert [order[i : i + 2] for i in range(0, len(order), 2)] == drawn
    sides = [lab.store.trials(run_id) for run_id in (found.baseline_run, found.candidate_run)]
    assert [trial.block for trial in sides[0]] == [trial.block for trial in sides[1]] == list(range(len(sides[0])))
    assert {lab.store.run(each).comparison for each in (found.baseline_run, found.candidate_run)} == {found.id}
    assert [line for line in lab.phone.journal if "lease" in line] == ["take the lease", "give the lease back"]
    settled = [line for line in lab.phone.journal if line.startswith("start agent 0000")]
    assert len(settled) == 2, "each side is made ready once"


def test_a_slower_candidate_regressed_and_fails_the_gate(make: Callable[..., Lab]) -> None:
    """10 % on 2 % noise, in the metric's direction; the other way round it improved, and nothing fails."""
    lab = make()
    lab.noise, lab.slower = 0.02, 1.10

    found = lab.compare()
    told = lab.told(found)

    assert found.cells[0].verdict == "regressed"
    assert told.fails == (found.cells[0].cell,)
    assert "more time" in told.cells[0].sentence
    ours, theirs = (
        explained(lab.store, lab.store.run(each)) for each in (found.baseline_run, found.candidate_run)
    )
    assert ours.verdict[0] == theirs.verdict[0] == told.cells[0].sentence, (
        "`lab explain` of a side has the verdict"
    )
    assert ours.sections[0] == ("The verdict of its comparison", ours.verdict)
    lab.slower = 1 / 1.10
    better = lab.compare()
    assert (better.cells[0].verdict, lab.told(better).fails) == ("improved", ())
    kept_at = lab.store.trials_folder(ours.run.id).parent / EXPLANATION
    assert kept(Explanation, kept_at, judged_beside(lab.store.root, ours.run.id)) == ours
    lab.store.save_comparison(replace(found, status="interrupted"))
    assert kept(Explanation, kept_at, judged_beside(lab.store.root, ours.run.id)) is None, "the verdict may differ"


def test_between_parameters_nothing_regresses(make: Callable[..., Lab]) -> None:
    """Cells of one build are slower or faster; no gate fails, and no reference cell is needed."""
    lab = make(toml=TOML.replace("[3]", "[3, 1]"))
    cells = lab.scenario.cells
    first, second = (Side(replace(lab.scenario, cells=(cell,)), lab.benches[0], "fake") for cell in cells)

    opened, _, _ = open_comparison(baseline=first, candidate=second, dimension="parameter", seed=1)
    list(measure(opened, first, second))

    found = lab.store.comparison(opened.id)
    assert found.cells[0].verdict == "slower"
    assert lab.told(found).fails == ()
    assert not any("prefill" in line for line in lab.phone.journal)


def test_a_scenario_with_a_closed_loop_of_its_own_can_be_resumed(make: Callable[..., Lab]) -> None:
    """A comparison has its own looks: more than the trials that the scenario's loop would take."""
    lab = make(toml=TOML.replace("blocks = 4", "blocks = 5\nmost = 15\ntarget = 0.03\nbudget_s = 600"))
    first, second = lab.sides()
    _, ours, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)

    plan = scenario_of(ours).plan

    assert (plan.blocks, plan.iterations) == (24, 2)


@pytest.mark.parametrize("cut_after", [0, 1, 2, 5])
def test_an_interruption_loses_at_most_the_trial_in_flight(make: Callable[..., Lab], cut_after: int) -> None:
    """Interrupted within a pair, it resumes with the other half, in the order it would have had."""
    lab = make()
    lab.noise = 0.03
    whole = lab.compare()
    first, second = lab.sides()
    comparison, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    begun = lab.phone.started

    def interrupt(progress: object) -> None:
        if lab.phone.started == begun + 2 + cut_after:
            lab.phone.started += 1  # only once
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(measure(comparison, first, second, watch=interrupt))
    cut = lab.store.comparison(comparison.id)
    kept = lab.order(cut)
    assert cut.status == "interrupted"

    reopen(cut, first, second)
    list(measure(cut, first, second))

    ended = lab.store.comparison(comparison.id)
    assert lab.order(ended).startswith(kept)
    assert lab.order(ended) == lab.order(whole)
    assert ended.cells == whole.cells
    assert ended.status == "finished"


def between_two_boots(lab: Lab, comparison: Comparison) -> list[Trial]:
    """Return what was measured, in order; check that the pair interrupted by a restart is not one of the six."""
    (cell,) = lab.store.comparison(comparison.id).cells
    trials = [t for run in runs_of(lab.store, comparison).values() for t in lab.store.trials(run.id)]
    trials.sort(key=lambda trial: trial.started_utc)
    assert cell.pairs == 6
    assert [t.block for t in trials] == sorted([0, 1, 2, 3, 4, 5, 6] * 2)
    assert [t.boot for t in trials] == ["boot-1"] * 3 + ["boot-2"] * 11
    return trials


def test_sides_of_two_boots_are_no_pair(make: Callable[..., Lab]) -> None:
    """The phone restarted after the first: the second does not count, and the pair is measured again."""
    lab = make()
    first, second = lab.sides()
    comparison, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    lab.accepted()

    def restart(progress: Progress) -> None:
        measured = [t for run in runs_of(lab.store, comparison).values() for t in lab.store.trials(run.id)]
        if len(measured) == 2 and progress.iterations:  # the third has begun
            lab.turn.fence, lab.phone.replies = 2, {BOOT: "boot-2\n"}

    list(measure(comparison, first, second, watch=restart))

    trials = between_two_boots(lab, comparison)
    assert [t.reason for t in trials] == [None] * 3 + [InvalidReason.DEVICE_REBOOTED] + [None] * 10
    assert trials[3].detail == (
        f"the device restarted since the first side of its pair was measured, at {trials[2].started_utc}"
    )


def test_an_interrupted_pair_is_not_resumed_in_another_boot(make: Callable[..., Lab]) -> None:
    """The boot of the first side is kept with it, so a resumed comparison decides in the same way."""
    lab = make()
    first, second = lab.sides()
    comparison, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    lab.accepted()

    def interrupt(progress: Progress) -> None:
        if sum(len(lab.store.trials(run.id)) for run in runs_of(lab.store, comparison).values()) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(measure(comparison, first, second, watch=interrupt))
    lab.phone.replies = {BOOT: "boot-2\n"}
    lab.accepted("boot-2")

    list(measure(lab.store.comparison(comparison.id), first, second))

    trials = between_two_boots(lab, comparison)
    assert [t.reason for t in trials] == [None] * 3 + [InvalidReason.DEVICE_REBOOTED] + [None] * 10


def test_after_a_reboot_in_a_pair_both_sides_are_made_ready_again(make: Callable[..., Lab]) -> None:
    """What the other run knew of the device is no longer trusted either."""
    lab = make(script=lambda number: "reboots" if number == 3 else "none")

    found = lab.compare()

    assert found.cells[0].pairs == 6
    reasons = [t.reason for each in (found.baseline_run, found.candidate_run) for t in lab.store.trials(each)]
    assert reasons.count(InvalidReason.DEVICE_REBOOTED) == 1
    assert sum(line.startswith("start agent 0000") for line in lab.phone.journal) == 4


def test_nothing_is_measured_of_what_may_not_be_compared(make: Callable[..., Lab]) -> None:
    """Another profile: refused with both values and what to do; the refusal is saved, and no run starts."""
    lab = make()
    first, second = lab.sides()
    second = replace(second, bench=replace(second.bench, profile="fixed"))

    with pytest.raises(Incomparable, match=r"none \(baseline\), fixed \(candidate\)\n.*under one profile"):
        open_comparison(baseline=first, candidate=second, dimension="build", seed=1)

    assert lab.store.comparison("last").cells[0].verdict == "incomparable"
    assert lab.store.comparison("last").differs == {"profile": ("none", "fixed")}
    assert lab.store.runs() == []
    assert lab.phone.started == 0


def test_an_injected_slow_down_is_the_only_difference_a_side_may_add(make: Callable[..., Lab]) -> None:
    """Its run and its context record it; compared afterwards, the same two runs are incomparable."""
    lab = make()
    first, _ = lab.sides()
    slowed = replace(first, inject=Inject("vit", 1.1))

    _, ours, theirs = open_comparison(baseline=first, candidate=slowed, dimension="parameter", seed=1)

    assert (ours.inject, theirs.inject) == (None, Inject("vit", 1.1))
    assert theirs.context.facts["inject"] == "vit x 1.1"
    lab.store.finish_run(ours.id, "finished")
    lab.store.finish_run(theirs.id, "finished")
    apart = [replace(lab.store.run(each.id), comparison=None) for each in (ours, theirs)]
    assert judge_runs(lab.store, apart[0], apart[1], "build").cells[0].verdict == "incomparable"


def test_looks_are_fixed_and_recorded_before_the_first_pair(make: Callable[..., Lab]) -> None:
    """They are saved before anything is measured, and no more pairs than they allow are taken."""
    lab = make()
    lab.noise = 0.2
    lab.accepted()
    first, second = lab.sides()

    opened, _, _ = open_comparison(
        baseline=first, candidate=second, dimension="build", seed=5, looks=Looks(8, 4), budget_s=1e9
    )
    assert (lab.store.comparison(opened.id).looks_most, lab.store.comparison(opened.id).looks_first) == (8, 4)
    list(measure(opened, first, second))

    assert lab.store.comparison(opened.id).cells[0].pairs <= 8


def test_with_a_single_look_all_pairs_are_measured_and_judged_once(make: Callable[..., Lab]) -> None:
    """What `--all-pairs` asks for: a slow-down that six pairs would show is measured 24 times."""
    lab = make()
    lab.slower = 1.10
    lab.accepted()
    first, second = lab.sides()

    opened, _, _ = open_comparison(
        baseline=first, candidate=second, dimension="build", seed=5, looks=Looks(first=24), budget_s=1e9
    )
    list(measure(opened, first, second))

    (cell,) = lab.store.comparison(opened.id).cells
    assert (cell.verdict, cell.pairs) == ("regressed", 24)
    assert "--all-pairs" not in lab.told(lab.store.comparison(opened.id)).cells[0].sentence
