"""Trials one after another on a fake phone that fails in many ways, and how the run is sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from device_agents.contract import InvalidReason
from lab.device.fake.phone import Fault
from lab.device.vitals import look
from lab.errors import BuildError, DeviceLost, DeviceRefused
from lab.records import Vitals
from lab.run.runner import run
from tests.fake_lab import ScriptedLab, batch_scenario
from tests.saved_checks import CUT


def test_an_invalid_trial_is_kept_and_the_run_goes_on(make: Callable[..., ScriptedLab]) -> None:
    """The second trial dies: it is kept with its reason, and not tried again."""
    lab = make(script=lambda number: "dies" if number == 2 else "none")
    record = lab.begin()

    trials = lab.go_on(record)

    assert [trial.reason for trial in trials] == [None, InvalidReason.AGENT_DIED, None, None]
    assert lab.phone.started == 5


def test_a_link_that_breaks_costs_no_sample(make: Callable[..., ScriptedLab]) -> None:
    """The agent goes on without the lab, which continues reading when the phone is back."""
    lab = make(script=lambda number: "blinks" if number == 2 else "none")
    record = lab.begin()

    trials = lab.go_on(record)

    assert [trial.valid for trial in trials] == [True] * 4
    assert lab.phone.journal.count("reconnect") == 1
    assert lab.phone.started == 5


def test_a_reboot_costs_its_trial_and_the_run_goes_on_from_a_known_state(make: Callable[..., ScriptedLab]) -> None:
    """After a reboot the phone is made ready again: lease, push, and a settling process."""
    lab = make(script=lambda number: "reboots" if number == 2 else "none")
    record = lab.begin()

    trials = lab.go_on(record)

    assert [trial.reason for trial in trials] == [None, InvalidReason.DEVICE_REBOOTED, None, None]
    assert trials[1].detail == "fake phone: the cable was pulled; fake phone: back in another boot"
    steps = [line for line in lab.phone.journal if not line.startswith("note")]
    after = steps.index("reconnect")
    assert steps[after : after + 5] == [
        "reconnect",
        "take the lease again",
        "push",
        "start agent 0000 load",
        "start agent 0003 encode_image",
    ]


def test_a_phone_that_stays_away_ends_the_run_which_can_go_on_later(make: Callable[..., ScriptedLab]) -> None:
    """The lost trial is kept with its reason; the run is interrupted, to be resumed."""
    lab = make(script=lambda number: "lost" if number == 2 else "none")
    record = lab.begin()

    with pytest.raises(DeviceLost, match="not back within"):
        lab.go_on(record)

    assert lab.store.run(record.id).status == "interrupted"
    assert [trial.reason for trial in lab.store.trials(record.id)] == [None, InvalidReason.DEVICE_LOST]


def test_a_hanging_agent_is_ended_and_the_next_one_starts(make: Callable[..., ScriptedLab]) -> None:
    """The time-out ends one trial, not the run."""
    lab = make(script=lambda number: "hangs" if number == 1 else "none")

    trials = lab.go_on(lab.begin())

    assert [trial.reason for trial in trials] == [InvalidReason.TIMEOUT, None, None, None]
    assert "kill agent 1" in lab.phone.journal


def test_a_reboot_while_settling_makes_the_device_ready_again(make: Callable[..., ScriptedLab]) -> None:
    """The lease is taken again before anything else is done; no trial is lost."""
    settled: list[int] = []

    def script(number: int) -> Fault:
        settled.append(number)
        return "reboots" if settled == [0] else "none"

    lab = make(script=script)
    trials = lab.go_on(lab.begin())

    assert all(trial.valid for trial in trials)
    assert lab.phone.journal.count("take the lease again") == 1
    assert lab.phone.journal.count("push") == 2


def test_ctrl_c_ends_the_agent_and_marks_the_run(make: Callable[..., ScriptedLab]) -> None:
    """An interrupt in the middle of a trial ends the agent's group; that trial is measured again later."""
    lab = make()
    record = lab.begin()

    def interrupt(progress: object) -> None:
        if lab.phone.started == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run(record, lab.scenario, lab.bench, watch=interrupt))

    assert "kill agent 1" in lab.phone.journal
    assert lab.store.run(record.id).status == "interrupted"
    assert lab.store.trials(record.id) == []


def test_an_altered_build_is_not_measured(make: Callable[..., ScriptedLab]) -> None:
    """The build is verified when the lease is held, before the first agent starts."""
    lab = make()
    record = lab.begin()
    (lab.bench.build.folder / "vit.onnx").write_bytes(b"something else, same size"[:22])

    with pytest.raises(BuildError, match=r"vit\.onnx"):
        lab.go_on(record)

    assert lab.phone.started == 0
    assert lab.store.run(record.id).status == "failed"


@pytest.mark.parametrize("empty_from", [0, 2])
def test_an_empty_phone_that_nothing_charges_ends_the_run_which_can_go_on(
    make: Callable[..., ScriptedLab], empty_from: int
) -> None:
    """In the first block or in the middle: no agent starts, the lab does not wait, and no trial is spent."""
    lab = make()
    slept: list[float] = []
    lab.bench = replace(lab.bench, senses=look, sleep=slept.append)
    record = lab.begin()
    full, low = Vitals(0.0, battery_level=60.0), Vitals(0.0, battery_level=14.0, powered=False)
    lab.phone.vitals = lambda at: low if len(lab.store.trials(record.id)) == empty_from else full

    with pytest.raises(DeviceRefused, match=r"the battery is at 14 %.*nothing charges it: plug it in"):
        lab.go_on(record)

    assert len(lab.store.trials(record.id)) == empty_from
    assert slept == []
    lab.phone.vitals = lambda at: full
    assert all(trial.valid for trial in run(record, lab.scenario, lab.bench))
    assert len(lab.store.trials(record.id)) == record.blocks * len(record.cells)


def test_of_many_lost_trials_the_first_and_then_each_tenth_are_told(
    make: Callable[..., ScriptedLab], caplog: pytest.LogCaptureFixture
) -> None:
    """Each line names its scenario, since trials are numbered anew in each of a suite."""
    lab = make(lambda number: "dies" if number > 2 else "none", batch_scenario("[1, 4]", blocks=13))

    lab.go_on(lab.begin())

    told = [line for line in caplog.messages if "does not count" in line]
    assert [line.partition(" (")[0] for line in told] == [
        *(f"probe on fake: trial {number}" for number in (3, 4, 5, 12, 22)),
    ]
    assert told[3].endswith(" (10 of this run so far)")


def test_a_lost_trial_of_a_comparison_names_its_side(
    make: Callable[..., ScriptedLab], caplog: pytest.LogCaptureFixture
) -> None:
    """Two runs are measured in turn, and each numbers its own trials."""
    lab = make(script=lambda number: "dies" if number == 2 else "none")
    record = replace(lab.begin(), id="018f-b", comparison="018f-c", build_line="nano", build="9eddaa5f" * 8)
    lab.store.create_run(record)
    lab.store.save_comparison(replace(CUT, id="018f-c", baseline_run="018f-a", candidate_run="018f-b"))

    lab.go_on(record)

    assert any(line.startswith("probe on fake, side B (nano 9eddaa5f): trial 2 (") for line in caplog.messages)
