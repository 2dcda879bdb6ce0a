"""Comparisons on a fake phone: the order of pairs, refusals, interruptions, and which verdicts fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from device_agents.contract import InvalidReason, Job
from lab.builds.folder import open_build
from lab.compare.acceptance import Reference, key_of, remember
from lab.compare.comparison import Side, measure, open_comparison, reopen, runs_of
from lab.compare.stored import judge_runs
from lab.device.fake.build import write_fake_build
from lab.device.fake.phone import FakePhone, Fault
from lab.device.transport import Process
from lab.errors import Incomparable, RunError
from lab.records import CellVerdict, Comparison, Dimension, Inject, Trial
from lab.report.verdict.view import View, view
from lab.run.bench import Progress
from lab.run.resume import scenario_of
from lab.run.runner import open_run, run
from lab.stats.interval import Looks
from tests.fake_lab import FakeLab, batch_scenario, good, making

TOML = batch_scenario("[3]", blocks=4)
BOOT = "cat /proc/sys/kernel/random/boot_id"


class Liar(FakePhone):
    """A phone whose agent answers wrongly on the build `lies_about`, once it has settled."""

    lies_about = "none"

    def start(
        self, argv: Sequence[str], *, environment: Mapping[str, str], folder: str, stdout: str, stderr: str
    ) -> Process:
        """Look at the job first."""
        if self.lies_about in self.files[f"{folder}/job.json"].decode() and not folder.endswith("-0000"):
            self.script = lambda number: "wrong_output"
        elif self.lies_about != "none":
            self.script = good
        return super().start(argv, environment=environment, folder=folder, stdout=stdout, stderr=stderr)


class Lab(FakeLab):
    """A fake phone and two builds; `slower` is how much slower the candidate's stages are."""

    phone: Liar

    def __init__(self, folder: Path, script: Callable[[int], Fault] = good, toml: str = TOML) -> None:
        self.slower, self.noise = 1.0, 0.0
        super().__init__(folder, toml, Liar({}, script, self.stage_s, {BOOT: "boot-1\n"}))
        write_fake_build(folder / "b")
        path = folder / "b/manifest.json"
        path.write_text(path.read_text().replace('"notes":[]', '"notes":["tonight"]'))
        tonights = open_build(folder / "b")
        self.candidate_id, self.benches = tonights.id, [self.bench, replace(self.bench, build=tonights)]

    def stage_s(self, job: Job) -> float:
        """Noise by the trial alone; the candidate's build takes `slower` times as long."""
        noise = random.Random(job.trial[-4:] + job.build[-8:]).gauss(1.0, self.noise) if self.noise else 1.0
        return 0.010 * noise * (self.slower if self.candidate_id in job.build else 1.0)

    def sides(self) -> tuple[Side, Side]:
        """Return yesterday's build and tonight's."""
        first, second = (Side(self.scenario, bench, "fake") for bench in self.benches)
        return first, second

    def accepted(self, boot: str = "boot-1") -> None:
        """Have the phone accepted in this boot already."""
        build = self.benches[0].build.id
        known = Reference(
            device="fake", build=build, median_s=0.01, accepted_utc="2026-01-01T00:00:00Z", boot=boot
        )
        remember(self.benches[0], key_of(self.benches[0]), known)

    def compare(self, dimension: Dimension = "build", budget_s: float = 1800.0) -> Comparison:
        """Compare the two builds to the end."""
        self.accepted()
        first, second = self.sides()
        comparison, _, _ = open_comparison(
            baseline=first, candidate=second, dimension=dimension, seed=5, budget_s=budget_s
        )
        for _ in measure(comparison, first, second):
            pass
        return self.store.comparison(comparison.id)

    def order(self, comparison: Comparison) -> str:
        """Return the sides in the order they were measured."""
        sides = {"A": comparison.baseline_run, "B": comparison.candidate_run}
        begun = [
            (trial.started_utc, side) for side, run_id in sides.items() for trial in self.store.trials(run_id)
        ]
        return "".join(side for _, side in sorted(begun))

    def told(self, comparison: Comparison) -> View:
        """Return what is printed of a comparison."""
        runs = [self.store.run(each) for each in (comparison.baseline_run, comparison.candidate_run)]
        first, second = ((found, self.store.trials(found.id)) for found in runs)
        return view(comparison, first, second)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Make labs that are closed at the end."""
    yield from making(partial(Lab, tmp_path))


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


def test_pairs_come_there_and_back_and_both_sides_are_ordinary_runs(make: Callable[..., Lab]) -> None:
    """Four trials at a time as ABBA or BAAB; block n of both runs is pair n; one lease holds for all."""
    lab = make()
    lab.noise = 0.03

    found = lab.compare()

    order = lab.order(found)
    fours = [order[i : i + 4] for i in range(0, len(order) - len(order) % 4, 4)]
    assert set(fours) == {"ABBA", "BAAB"}
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
    lab.slower = 1 / 1.10
    better = lab.compare()
    assert (better.cells[0].verdict, lab.told(better).fails) == ("improved", ())


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


def test_each_cell_is_a_comparison_of_its_own_and_settled_ones_are_left_alone(make: Callable[..., Lab]) -> None:
    """Cells take turns; the one whose verdict stands gets no further pair."""
    lab = make(toml=TOML.replace("[3]", "[3, 1]"))
    lab.noise = 0.04

    found = lab.compare()

    trials = lab.store.trials(found.baseline_run)
    pairs = {cell.cell: sum(trial.cell == cell.cell for trial in trials) for cell in found.cells}
    assert pairs == {cell.cell: cell.pairs for cell in found.cells}
    least = min(pairs.values())
    assert all(len({t.cell for t in trials[2 * i : 2 * i + 2]}) == 2 for i in range(least)), "they take turns"
    assert all(cell.verdict != "cannot tell" or cell.pairs == 24 for cell in found.cells)


def test_an_invalid_trial_costs_its_pair_which_is_retried(make: Callable[..., Lab]) -> None:
    """Agents 0 and 2 settle; the fourth trial dies: its block stays without a partner, no block is used twice."""
    lab = make(script=lambda number: "dies" if number == 5 else "none")

    found = lab.compare()

    sides = [lab.store.trials(each) for each in (found.baseline_run, found.candidate_run)]
    assert found.cells[0].pairs == 6
    assert sum(not trial.valid for side in sides for trial in side) == 1
    assert max(trial.block for side in sides for trial in side) == 6
    assert all(len({trial.block for trial in side}) == len(side) for side in sides)
    assert any("agent_died" in words for words in lab.told(found).invalid)


def test_a_candidate_that_answers_wrongly_is_given_up_after_three_trials(make: Callable[..., Lab]) -> None:
    """Trying again would not make it right; the verdict says what is wrong with it."""
    lab = make()
    lab.phone.lies_about = lab.candidate_id

    found = lab.compare()

    (cell,) = found.cells
    assert (cell.verdict, cell.pairs) == ("cannot tell", 0)
    assert "none of 3 trials of the candidate counts; the last: wrong_output" in cell.why


def test_a_budget_that_cannot_reach_the_first_look_ends_it_without_a_verdict(make: Callable[..., Lab]) -> None:
    """One pair shows what a pair costs; n = 1 has no interval, and says so."""
    lab = make()

    found = lab.compare(budget_s=2.0)

    (cell,) = found.cells
    assert (cell.verdict, cell.pairs) == ("cannot tell", 1)
    assert cell.change is not None
    assert cell.change.low is None
    assert "5 more pairs of 2 s would have been needed" in cell.why
    assert "no interval: 1 valid pair" in lab.told(found).cells[0].sentence


@pytest.mark.parametrize(("budget_s", "pairs"), [(20.0, [0, 6, 6]), (28.0, [6, 6, 6])])
def test_a_budget_that_is_short_brings_some_cells_to_their_first_look_instead_of_none(
    make: Callable[..., Lab], budget_s: float, pairs: list[int]
) -> None:
    """Three noisy cells, 1.5 s a pair: 27 s pay for three first looks, 20 s for two, not for a pair of each."""
    lab = make(toml=TOML.replace("[3]", "[1, 2, 3]"))
    lab.noise = 0.3

    found = lab.compare(budget_s=budget_s)

    assert sorted(min(cell.pairs, 6) for cell in found.cells) == pairs


def test_of_many_cells_each_is_measured_until_the_gate_can_fail_on_it(make: Callable[..., Lab]) -> None:
    """All six are 6 % slower: each goes on beyond its own first verdict until all six can be reported at once."""
    lab = make(toml=TOML.replace("[3]", "[1, 2, 3, 4, 5, 6]"))
    lab.noise, lab.slower = 0.02, 1.06

    found = lab.compare()
    told = lab.told(found)

    assert [cell.verdict for cell in found.cells] == ["regressed"] * 6
    assert len(told.fails) == 6
    assert max(cell.p for cell in found.cells) <= 0.05 / 6
    assert told.headline == "6 cells: 6 regressed; 6 of them make the gate fail (Holm)"


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


def test_a_pair_interrupted_long_ago_is_started_again(make: Callable[..., Lab]) -> None:
    """Its first side is from another night: a second side now would have nothing in common with it."""
    lab = make()
    first, second = lab.sides()
    comparison, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    lab.accepted()

    def interrupt(progress: Progress) -> None:
        if sum(len(lab.store.trials(run.id)) for run in runs_of(lab.store, comparison).values()) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(measure(comparison, first, second, watch=interrupt))
    lab.phone.clock.seconds += 8 * 3600

    list(measure(lab.store.comparison(comparison.id), first, second))

    (cell,) = lab.store.comparison(comparison.id).cells
    trials = [t for run in runs_of(lab.store, comparison).values() for t in lab.store.trials(run.id)]
    assert cell.pairs == 6
    assert [t.block for t in trials].count(1) == 1
    assert sorted(t.block for t in trials if t.block != 1) == sorted([0, 2, 3, 4, 5, 6] * 2)


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


# --- acceptance ------------------------------------------------------------------------------------------


def references(lab: Lab) -> list[list[Trial]]:
    """Return the tries of each reference run, oldest first."""
    runs = [found for found in reversed(lab.store.runs()) if found.suite == "acceptance"]
    return [lab.store.trials(found.id) for found in runs]


def begin(lab: Lab) -> None:
    """Open a comparison of builds and measure its first pair."""
    first, second = lab.sides()
    comparison, _, _ = open_comparison(baseline=first, candidate=second, dimension="build", seed=5)
    steps = measure(comparison, first, second)
    next(steps)
    steps.close()


def test_a_phone_repeats_its_reference_cell_before_it_judges_builds(make: Callable[..., Lab]) -> None:
    """Two tries the first time; none later in the same boot, one in another boot or after a day."""
    lab = make()

    begin(lab)
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [2]
    lab.phone.replies = {BOOT: "boot-2\n"}
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [2, 1]
    lab.phone.clock.seconds += 25 * 3600
    begin(lab)
    assert [len(tries) for tries in references(lab)] == [2, 1, 1]


def test_a_phone_that_drifts_judges_nothing(make: Callable[..., Lab]) -> None:
    """Five tries, each a tenth slower than the one before: nothing is compared, and the tries are kept."""
    lab = make()
    lab.phone.stage_s = lambda job: 0.01 * 1.1 ** int(job.trial[-4:])

    with pytest.raises(RunError, match=r"fake may not judge builds.*\+10\.0%, \+21\.0%, \+33\.1%, \+46\.4%"):
        begin(lab)

    assert [len(tries) for tries in references(lab)] == [5]
    assert lab.store.comparison("last").status == "failed"
    assert not (lab.store.root / "devices" / "acceptance.json").exists()


def test_a_phone_that_is_steady_but_has_changed_is_reported_as_such(make: Callable[..., Lab]) -> None:
    """It took 10 ms once and takes 20 ms now: someone changed it, or something is wrong with it."""
    lab = make()
    begin(lab)
    lab.phone.replies, lab.phone.stage_s = {BOOT: "boot-2\n"}, lambda job: 0.02

    with pytest.raises(RunError, match="steady, but has changed since"):
        begin(lab)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (1, r"found \+100\.0% of 0\.01 s\. Let it cool"),
        (0, r"found none that counts\. `lab show last` says why"),
    ],
)
def test_one_try_shows_no_steadiness_and_none_is_reported(
    make: Callable[..., Lab], counts: int, words: str
) -> None:
    """Four or five of the five tries die: one that counts is compared with the known reference."""
    lab = make()
    begin(lab)
    begun = lab.phone.started
    lab.phone.replies, lab.phone.stage_s = {BOOT: "boot-2\n"}, lambda job: 0.02
    lab.phone.script = lambda number: "dies" if number > begun + counts else "none"

    with pytest.raises(RunError, match=words):
        begin(lab)


def test_without_a_reference_two_tries_must_count(make: Callable[..., Lab]) -> None:
    """The first would only be the reference."""
    lab = make(script=lambda number: "dies" if number > 1 else "none")

    with pytest.raises(RunError, match=r"found fewer than two that count\. `lab show last` says why"):
        begin(lab)


# --- finished runs ---------------------------------------------------------------------------------------


def test_two_finished_runs_are_compared_by_their_common_blocks(make: Callable[..., Lab]) -> None:
    """A block without a partner is left out; runs that were not interleaved get no verdict."""
    lab = make(
        script=lambda number: "dies" if number == 2 else "none", toml=TOML.replace("blocks = 4", "blocks = 6")
    )
    lab.noise, lab.slower = 0.01, 1.2
    done = []
    for bench in lab.benches:
        record = open_run(lab.scenario, bench, seed=1, suite="", line="fake")
        list(run(record, lab.scenario, bench))
        done.append(lab.store.run(record.id))

    found = judge_runs(lab.store, done[0], done[1], "build")

    assert (found.cells[0].verdict, found.cells[0].pairs) == ("cannot tell", 5)
    assert found.cells[0].change is not None and found.cells[0].change.low is not None
    assert found.cells[0].change.low > 1.1
    assert "not interleaved" in " ".join(lab.told(found).invalid)
    assert judge_runs(lab.store, done[0], done[1], "parameter").cells[0].verdict == "incomparable"
    with pytest.raises(RunError, match="wanted two runs"):
        judge_runs(lab.store, done[0], done[0], "build")


def test_sides_of_a_comparison_are_not_judged_a_second_time(make: Callable[..., Lab]) -> None:
    """Its results decided when it stopped: an interval for one look would be too narrow."""
    lab = make()
    found = lab.compare()

    with pytest.raises(RunError, match="lab compare --resume"):
        judge_runs(lab.store, lab.store.run(found.baseline_run), lab.store.run(found.candidate_run), "build")


def test_of_many_cells_one_that_barely_changed_fails_no_gate(make: Callable[..., Lab]) -> None:
    """Holm: .016 is enough for one cell, not for one of ten; Benjamini and Hochberg do not list it."""
    lab = make()
    lab.slower = 1.05
    found = lab.compare()
    (cell,) = found.cells
    weak = replace(cell, p=0.016)
    runs = [lab.store.run(each) for each in (found.baseline_run, found.candidate_run)]
    names = [f"c{i}" for i in range(9)]
    others = tuple(CellVerdict(name, "same", None, None, 1.0, 0, "") for name in names)
    wide = [
        replace(each, cells=(*each.cells, *(replace(each.cells[0], key=name) for name in names))) for each in runs
    ]

    alone = view(replace(found, cells=(weak,)), (runs[0], []), (runs[1], []))
    among = view(replace(found, cells=(weak, *others)), (wide[0], []), (wide[1], []))

    assert alone.fails == (cell.cell,)
    assert among.fails == ()
    assert among.cells[0].doubtful


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
