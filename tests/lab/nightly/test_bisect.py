"""Bisections over a line of builds on a fake phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.errors import DeviceLost, RunError
from tests.lab.compare.compare_lab import TOML
from tests.lab.nightly.line_lab import LineLab


def test_the_build_that_introduced_a_slow_down_is_found(line: Callable[..., LineLab]) -> None:
    """Of r0 to r7 the slow-down came with r5: the ends, then r4, r6 and r5, each against r0."""
    lab = line()

    found = lab.find()

    assert lab.measured == ["r7", "r4", "r6", "r5"]
    assert (found.good.revision, found.bad.revision, found.verdict) == (4, 5, "regressed")
    assert [step.outcome for step in found.steps] == ["bad", "good", "bad", "bad"]
    last = found.step_of(found.bad)
    assert last is not None
    assert last.change is not None
    assert last.change.estimate == pytest.approx(1.10)
    assert {stage.metric for stage in found.stages} == {"tile_s", "patch_embed_s", "vit_s", "project_s"}
    assert (found.halving.skipped, found.short) == ((), "")


def test_an_improvement_is_found_in_the_same_way(line: Callable[..., LineLab]) -> None:
    """The ends say which change is looked for."""
    lab = line(count=4, first_bad=2)
    lab.factor = {build: 1 / factor for build, factor in lab.factor.items()}

    found = lab.find()

    assert (found.verdict, found.good.revision, found.bad.revision) == ("improved", 1, 2)


def test_a_build_that_does_not_run_widens_the_answer_to_a_range(line: Callable[..., LineLab]) -> None:
    """The agent answers wrongly on r2 of r0 to r4, where the slow-down came: it lies after r1, not after r3."""
    lab = line(count=5, first_bad=2)
    lab.phone.lies_about = lab.line[2].id

    found = lab.find()

    assert lab.measured == ["r4", "r2", "r3", "r1"]
    assert (found.good.revision, found.bad.revision, found.halving.skipped) == (1, 3, (2,))
    assert found.steps[1].outcome == "does not run"
    assert found.steps[1].why.startswith("none of 3 trials counts: wrong_output")


def test_a_build_whose_files_are_damaged_is_passed_over(line: Callable[..., LineLab]) -> None:
    """It is verified before it is measured; the error is the reason."""
    lab = line(count=3, first_bad=2)
    (lab.line[1].folder / "inputs/screen/pixels.rgb8").write_bytes(b"")

    found = lab.find()

    assert (found.good.revision, found.bad.revision, found.halving.skipped) == (0, 2, (1,))
    assert found.steps[1].outcome == "does not run"
    assert "pixels.rgb8" in found.steps[1].why


def test_a_build_that_cannot_be_told_decides_nothing(line: Callable[..., LineLab]) -> None:
    """r1 varies by 40 %: neither equal to r0 nor slower after all pairs."""
    lab = line(count=3, first_bad=2)
    lab.noise_of[1] = 0.4

    found = lab.find()

    assert found.steps[1].outcome == "cannot tell"
    assert (found.good.revision, found.bad.revision, found.halving.skipped) == (0, 2, (1,))


def test_equal_ends_are_refused(line: Callable[..., LineLab]) -> None:
    """One build, or two that do the same: nothing lies between them."""
    lab = line(first_bad=5)

    with pytest.raises(RunError, match="are the same in encode_s: no build between them changed it"):
        lab.find(lab.asked(0, 3))
    with pytest.raises(RunError, match="are one build: wanted two different ends"):
        lab.find(lab.asked(2, 2))
    assert lab.measured == ["r3"]


def test_ends_that_cannot_be_told_apart_are_refused(line: Callable[..., LineLab]) -> None:
    """Noise is no change, and no proof that there is none."""
    lab = line(count=3, first_bad=9)
    lab.noise_of[2] = 0.4

    with pytest.raises(RunError, match=r"r0 .* and fake r2 .*: cannot tell: .* does not show whether they differ"):
        lab.find()


@pytest.mark.parametrize("pairs", [3, 8])
def test_an_interrupted_bisection_goes_on(line: Callable[..., LineLab], pairs: int) -> None:
    """What was measured is used again, what was cut is resumed: in all, each pair was measured once."""
    lab = line()
    lab.cut = pairs
    with pytest.raises(KeyboardInterrupt):
        lab.find()

    found = lab.find()

    comparisons = lab.store.comparisons()
    assert (found.good.revision, found.bad.revision) == (4, 5)
    assert [each.status for each in comparisons] == ["finished"] * 4
    assert found.steps[0].known == (pairs == 8)
    assert lab.measured == {3: ["r7", "r7", "r4", "r6", "r5"], 8: ["r7", "r4", "r4", "r6", "r5"]}[pairs]


def test_a_finished_bisection_measures_nothing_again(line: Callable[..., LineLab]) -> None:
    """The same question has the same answer, from the same comparisons."""
    lab = line()
    first = lab.find()
    lab.measured.clear()

    again = lab.find()

    assert lab.measured == []
    assert [replace(step, known=False) for step in again.steps] == list(first.steps)


def test_another_scenario_is_another_question(line: Callable[..., LineLab]) -> None:
    """A comparison under another plan says nothing here: everything is measured."""
    lab = line(count=3, first_bad=1)
    lab.find()
    lab.measured.clear()
    plan = lab.scenario.plan.model_copy(update={"iterations": 3})
    lab.scenario = replace(lab.scenario, plan=plan)

    lab.find()

    assert lab.measured == ["r2", "r1"]


def test_a_lost_device_ends_it(line: Callable[..., LineLab]) -> None:
    """No later build can be tried without a device; what was measured stays."""
    lab = line()
    lab.phone.script = lambda number: "lost" if number > 30 else "none"

    with pytest.raises(DeviceLost):
        lab.find()

    assert [each.status for each in lab.store.comparisons()][-1] == "finished"


def test_a_spent_budget_leaves_a_range(line: Callable[..., LineLab]) -> None:
    """The ends, known from before, took more than 5 device-seconds: no build between them is tried."""
    lab = line()
    lab.find()
    lab.measured.clear()

    found = lab.find(replace(lab.asked(), budget_s=5.0))

    assert (found.good.revision, found.bad.revision, lab.measured) == (0, 7, [])
    assert found.short == "the budget of 5 device-seconds is spent"


def test_a_larger_budget_measures_again_what_could_not_be_told(line: Callable[..., LineLab]) -> None:
    """5 device-seconds pay for 3 pairs: no verdict. Asked again, nothing is measured; with 100 it is."""
    lab = line(count=2, first_bad=1)
    small, large = (replace(lab.asked(), budget_s=seconds) for seconds in (5.0, 100.0))
    for _ in range(2):
        with pytest.raises(RunError, match="cannot tell"):
            lab.find(small)

    found = lab.find(large)

    assert (found.bad.revision, lab.measured) == (1, ["r1", "r1"])


def test_the_stage_is_judged_instead_of_the_whole(line: Callable[..., LineLab]) -> None:
    """By the time of the blocks, the same build is found; `vit_s` is in the trials of the same comparisons."""
    lab = line(count=4, first_bad=2)

    found = lab.find(lab.asked(metric="vit_s"))

    assert (found.good.revision, found.bad.revision, found.asked.metric) == (1, 2, "vit_s")
    assert [each.metric for each in lab.store.comparisons()] == ["encode_s"] * 3


def test_of_several_cells_the_steps_measure_the_one_that_changed(line: Callable[..., LineLab]) -> None:
    """The ends are compared in both cells; r1 and the rest only in the one with the surest change."""
    lab = line(count=3, first_bad=2, toml=TOML.replace("[3]", "[3, 1]"))

    found = lab.find()

    middle, ends = lab.store.comparisons()
    assert (len(ends.cells), [each.cell for each in middle.cells]) == (2, [found.cell])
    assert found.bad.revision == 2


def test_a_build_that_the_line_holds_twice_is_measured_once(line: Callable[..., LineLab]) -> None:
    """r3 is r1 added again: known from r1, or from the end that it is."""
    lab = line(count=3, first_bad=2)
    good, middle, bad = lab.asked().builds
    builds = (good, replace(good, revision=1), replace(middle, revision=2), replace(bad, revision=3))

    found = lab.find(replace(lab.asked(), builds=builds))

    assert lab.measured == ["r2", "r1"]
    assert (found.good.revision, found.bad.revision) == (2, 3)
