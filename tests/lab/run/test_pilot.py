"""A pilot finds how many iterations fill a trial; if it fails, so does the trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from device_agents.contract import InvalidReason, Job
from lab.device.fake.phone import fake_device
from lab.errors import DeviceLost
from lab.records import Run
from lab.run.runner import run
from tests.fake_lab import ScriptedLab, Wanderer, batch_scenario

LASTING = batch_scenario("[3]", blocks=2).replace("blocks = 2", "blocks = 2\nduration_s = 1.2")
"""Twelve iterations of 100 ms fill 1.2 s, as a pilot of three finds."""


def iterations_of(lab: ScriptedLab, record: Run, number: int) -> int:
    """Return how many iterations a trial's job asked for."""
    document = (lab.store.trial_folder(record.id, number) / "job.json").read_bytes()
    return Job.model_validate_json(document).iterations


def started(lab: ScriptedLab) -> list[str]:
    """Return the journal without notes; `ilot` is a pilot."""
    return [line for line in lab.phone.journal if not line.startswith("note")]


def test_a_pilot_says_how_many_iterations_fill_the_time(make: Callable[..., ScriptedLab]) -> None:
    """Once a cell, before its first trial."""
    lab = make(toml=LASTING)
    record = lab.begin()

    assert [trial.valid for trial in run(record, lab.scenario, lab.bench)] == [True] * 2
    assert [iterations_of(lab, record, number) for number in (1, 2)] == [12, 12]
    assert [line[12:16] for line in started(lab) if line.startswith("start")] == [
        "0000",
        "ilot",
        "0001",
        "0002",
    ]


def test_a_reboot_in_a_pilot_makes_the_device_ready_again(make: Callable[..., ScriptedLab]) -> None:
    """No trial runs on a phone that was not prepared, and none gets the plan's two iterations."""
    lab = make(lambda number: "reboots" if number == 1 else "none", LASTING)
    record = lab.begin()

    assert [trial.valid for trial in run(record, lab.scenario, lab.bench)] == [True] * 2
    assert [iterations_of(lab, record, number) for number in (1, 2)] == [12, 12]
    after = started(lab).index("reconnect")
    assert started(lab)[after:-2] == [
        "reconnect",
        "take the lease again",
        "push",
        "start agent 0000 load",
        "start agent ilot encode_image",
        "start agent 0001 encode_image",
    ]


def test_a_phone_that_reboots_in_every_pilot_is_given_up(make: Callable[..., ScriptedLab]) -> None:
    """After three times; the run can be resumed later."""
    lab = make(lambda number: "reboots" if number % 2 else "none", LASTING)  # the even ones settle
    record = lab.begin()

    with pytest.raises(DeviceLost, match="went away 3 times before trial 1"):
        lab.go_on(record)

    assert lab.store.run(record.id).status == "interrupted"
    assert lab.store.trials(record.id) == []


def test_a_pilot_that_was_lost_is_begun_again_when_the_phone_is_back(make: Callable[..., ScriptedLab]) -> None:
    """Even in the same boot the phone is made ready again; the run goes on and loses no trial."""
    lab = make(lambda number: "lost" if number == 1 else "none", LASTING)
    phone = Wanderer(lab.phone.inputs, script=lab.phone.script, clock=lab.phone.clock)
    bench, record = replace(lab.bench, device=fake_device(phone)), lab.begin()

    assert [trial.valid for trial in run(record, lab.scenario, bench)] == [True] * 2
    assert [iterations_of(lab, record, number) for number in (1, 2)] == [12, 12]
    back = phone.journal.index("is back")
    assert phone.journal[back + 1 : back + 3] == ["start agent 0000 load", "start agent ilot encode_image"]


def test_a_pilot_that_dies_is_its_trials_failure_and_fixes_no_number(make: Callable[..., ScriptedLab]) -> None:
    """The trial says so; the next one has a pilot of its own."""
    lab = make(lambda number: "dies" if number == 1 else "none", LASTING.replace("[3]", "[1, 3]"))
    record = lab.begin()

    trials = lab.go_on(record)

    assert [trial.reason for trial in trials] == [InvalidReason.AGENT_DIED, None, None, None]
    assert trials[0].detail.startswith(
        "its pilot of 3 iterations, which says how many fill plan.duration_s, failed: the agent was ended by"
    )
    assert trials[0].samples == {}
    again = next(trial for trial in trials[1:] if trial.cell == trials[0].cell)
    assert len(again.samples["encode_s"]) == iterations_of(lab, record, again.number) > 3
