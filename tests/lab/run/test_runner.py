"""A run in order, as a journal of a fake phone: planned blocks, the closed loop, and the memory pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain, islice, repeat

import pytest

from device_agents.contract import InvalidReason, Job
from lab.device.fake.phone import Fault
from lab.device.vitals import look
from lab.errors import RunError, ScenarioError
from lab.records import Inject, Vitals
from lab.run.runner import open_run, order, places, refuse_if_nothing_counts, run
from lab.stats.sample import medians_by_block
from tests.fake_lab import TOML, ScriptedLab


def test_a_run_in_order(make: Callable[..., ScriptedLab]) -> None:
    """Lease, a settling process, then a fresh agent a trial, each saved before it is handed out."""
    lab = make()
    record = lab.begin()
    journal = lab.phone.journal

    for trial in run(record, lab.scenario, lab.bench):
        saved = [saved.number for saved in lab.store.trials(record.id)]
        journal.append(f"trial {trial.number} of {trial.cell} in block {trial.block}, saved {saved}")

    first = order(record)
    names = [f"{place.cell.key} in block {place.block}" for place in first]
    assert journal == [
        "take the lease",
        "push",
        "start agent 0000 load",
        "note 0",
        "note none",
        "start agent 0001 encode_image",
        "note 1",
        "note none",
        f"trial 1 of {names[0]}, saved [1]",
        "start agent 0002 encode_image",
        "note 2",
        "note none",
        f"trial 2 of {names[1]}, saved [1, 2]",
        "start agent 0003 encode_image",
        "note 3",
        "note none",
        f"trial 3 of {names[2]}, saved [1, 2, 3]",
        "start agent 0004 encode_image",
        "note 4",
        "note none",
        f"trial 4 of {names[3]}, saved [1, 2, 3, 4]",
        "give the lease back",
    ]
    assert lab.store.run(record.id).status == "finished"


def test_every_block_holds_every_cell_once_in_an_order_of_its_own(make: Callable[..., ScriptedLab]) -> None:
    """Cells are shuffled by seed and block: the same seed gives the same order, another seed another one."""
    lab = make(toml=TOML.replace("[1, 3]", "[1, 2, 3, 4, 5, 6]").replace("blocks = 2", "blocks = 4"))
    record = lab.begin(seed=1)
    places = order(record)

    blocks = [[place.cell.key for place in places if place.block == block] for block in range(4)]

    assert all(sorted(block) == sorted(cell.key for cell in record.cells) for block in blocks)
    assert len({tuple(block) for block in blocks}) > 1
    assert order(record) == places
    assert order(lab.begin(seed=2)) != places
    assert [place.number for place in places] == list(range(1, 25))


def test_a_hopeless_run_stops_after_its_first_block(make: Callable[..., ScriptedLab]) -> None:
    """When no trial of the first block counts, the run fails and says why."""
    lab = make(script=lambda number: "wrong_output")
    record = lab.begin()

    with pytest.raises(RunError, match=r"no trial of its first block was valid.*wrong_output"):
        lab.go_on(record)

    assert lab.store.run(record.id).status == "failed"
    assert len(lab.store.trials(record.id)) == 2


def test_reboots_in_the_first_block_do_not_make_a_run_hopeless(make: Callable[..., ScriptedLab]) -> None:
    """They say nothing about the trials that follow."""
    lab = make(script=lambda number: "reboots" if number in {1, 3} else "none")  # starts 0, 2 and 4 settle

    trials = lab.go_on(lab.begin())

    assert [trial.valid for trial in trials] == [False, False, True, True]


def test_one_disturbed_trial_does_not_make_a_run_of_one_cell_hopeless(make: Callable[..., ScriptedLab]) -> None:
    """Its whole first block is that trial, and other programs ran between its stages."""
    lab = make(
        toml=TOML.replace("[1, 3]", "[1]").replace("blocks = 2", "blocks = 3"),
        script=lambda number: "gap" if number == 1 else "none",  # start 0 settles
    )

    trials = lab.go_on(lab.begin())

    assert [trial.reason for trial in trials] == ["span_gap", None, None]


def test_a_run_that_is_disturbed_from_its_first_trial_on_stops_and_can_be_resumed(
    make: Callable[..., ScriptedLab],
) -> None:
    """Ten trials of two cells were lost for a reason that might have passed; resumed, it goes on to its end."""
    lab = make(
        toml=TOML.replace("blocks = 2", "blocks = 7"),
        script=lambda number: "reboots" if number % 2 and number < 20 else "none",  # even starts settle
    )
    record = lab.begin()

    with pytest.raises(RunError, match=r"of its first 5 blocks was valid.*device_rebooted.*then resume it"):
        lab.go_on(record)

    assert len(lab.store.trials(record.id)) == 10
    assert len(lab.go_on(lab.store.run(record.id))) == 4


@pytest.mark.parametrize(("blocks", "fault"), [(1, "wrong_output"), (5, "reboots")])
def test_a_run_that_lacks_nothing_is_not_told_to_go_on(
    make: Callable[..., ScriptedLab], blocks: int, fault: Fault
) -> None:
    """Its planned trials are done and none counts: to resume it would measure nothing."""
    lab = make(
        toml=TOML.replace("blocks = 2", f"blocks = {blocks}"),
        script=lambda number: fault if number % 2 or (fault == "wrong_output" and number) else "none",
    )
    record = lab.begin()
    trials = lab.go_on(record)

    assert [trial.valid for trial in trials] == [False] * 2 * blocks
    assert lab.store.run(record.id).status == "finished"
    with pytest.raises(RunError, match=r"is complete, and none of its .* says what to do before you start"):
        refuse_if_nothing_counts(lab.store, record, trials)


def test_an_impossible_cell_is_refused_before_anything_is_measured(make: Callable[..., ScriptedLab]) -> None:
    """A batch that the build cannot run stops the run before it exists."""
    lab = make(toml=TOML.replace("[1, 3]", "[1, 7]"))

    with pytest.raises(ScenarioError, match=r"not at \[7\]"):
        lab.begin()

    assert lab.store.runs() == []


LOOP = TOML.replace("blocks = 2", "blocks = 4\ntarget = 0.02\nmost = 8\nbudget_s = 1000")


def uneven(job: Job) -> float:
    """One batch in ten is a fifth slower, and only where three patches go in a batch."""
    number = int(job.trial.rpartition("-")[2])
    batches = getattr(job.work, "batches", [])
    return 0.012 if number % 3 == 0 and any(batch.true == 3 for batch in batches) else 0.010


def test_a_closed_loop_goes_on_with_the_cell_that_is_still_wide(make: Callable[..., ScriptedLab]) -> None:
    """A cell without spread is done at the first interval, after six trials; the other gets as many as it may."""
    lab = make(toml=LOOP)
    lab.phone.stage_s = uneven
    record = lab.begin()

    cells = [trial.cell for trial in run(record, lab.scenario, lab.bench)]

    assert cells.count("patches_per_batch=1") == 6
    assert cells.count("patches_per_batch=3") == 8


def test_a_closed_loop_stops_when_every_interval_is_narrow(make: Callable[..., ScriptedLab]) -> None:
    """Nothing varies: six trials a cell, which the first interval wants, and no more."""
    lab = make(toml=LOOP)

    assert len(lab.go_on(lab.begin())) == 12


def test_a_closed_loop_stops_when_the_device_time_is_spent(make: Callable[..., ScriptedLab]) -> None:
    """The budget pays for the four trials that each cell has in any case, and for nothing more."""
    lab = make(toml=LOOP.replace("budget_s = 1000", "budget_s = 0.001"))
    lab.phone.stage_s = uneven

    assert len(lab.go_on(lab.begin())) == 8


def test_waiting_at_the_gate_is_part_of_what_the_next_trial_costs(make: Callable[..., ScriptedLab]) -> None:
    """Four trials waited a minute each: what is left of the budget pays for half a minute, and so for no more."""
    lab = make(toml=LOOP.replace("budget_s = 1000", "budget_s = 520"))
    lab.phone.stage_s = uneven
    record = lab.begin()
    waited = {
        trial.number: replace(trial, notes={**trial.notes, "gate_waited_s": 60.0})
        for trial in islice(run(record, lab.scenario, lab.bench), 8)
    }

    assert [place for place in places(record, lab.scenario, waited) if place.number > 8] == []


def test_a_throttled_first_block_does_not_make_a_run_hopeless(make: Callable[..., ScriptedLab]) -> None:
    """Heat passes, and the next trial waits for it."""
    lab = make()
    lab.bench = replace(
        lab.bench,
        senses=look,
        sleep=lambda seconds: None,
    )
    statuses = chain([0, 0, 1] * 2, repeat(0))  # at the gate, sampled, and when it had ended
    lab.phone.vitals = lambda at: Vitals(at, thermal_status=next(statuses))

    trials = lab.go_on(lab.begin())

    assert [trial.reason for trial in trials[:2]] == [InvalidReason.THROTTLED] * 2
    assert all(trial.valid for trial in trials[2:])


def test_an_interrupted_closed_loop_goes_on_as_it_would_have(make: Callable[..., ScriptedLab]) -> None:
    """What comes next follows from the trials alone: the same cells in the same order as without the cut."""
    lab = make(toml=LOOP)
    lab.phone.stage_s = uneven
    whole = [(t.number, t.block, t.cell) for t in run(lab.begin(), lab.scenario, lab.bench)]
    record = lab.begin()
    cut = run(record, lab.scenario, lab.bench)
    first = [next(cut) for _ in range(9)]
    cut.close()

    rest = lab.go_on(record)

    assert [(t.number, t.block, t.cell) for t in [*first, *rest]] == whole


def test_the_memory_pass_comes_last_and_is_not_timed(make: Callable[..., ScriptedLab]) -> None:
    """One more trial a cell, marked: its samples enter no median."""
    lab = make()
    record = lab.begin(memory=True)

    trials = lab.go_on(record)

    assert [trial.purpose for trial in trials] == ["time"] * 4 + ["memory"] * 2
    assert set(medians_by_block(trials, "patches_per_batch=1", "encode_s")) == {0, 1}


def test_a_scenario_that_asks_about_memory_has_memory_passes_only(make: Callable[..., ScriptedLab]) -> None:
    """Each trial tells its peak, none a time."""
    lab = make()
    record = lab.begin()
    asking = replace(lab.scenario, metric="peak_rss_bytes")

    assert {place.purpose for place in places(record, asking, {})} == {"memory"}


def test_a_slow_down_that_was_asked_for_is_part_of_the_run(
    make: Callable[..., ScriptedLab],
) -> None:
    """A run that tests the lab cannot be mistaken for another: the job, the record and the Context say so."""
    lab = make()
    record = open_run(lab.scenario, lab.bench, seed=7, suite="", line="fake", inject=Inject("vit", 1.1))

    lab.go_on(record)

    job = Job.model_validate_json((lab.store.trial_folder(record.id, 1) / "job.json").read_bytes())
    assert job.inject is not None
    assert (job.inject.stage, job.inject.slow_down) == ("vit", 1.1)
    assert record.context.facts["inject"] == "vit x 1.1"
    assert "inject" in lab.begin().context.differs_from(record.context)
