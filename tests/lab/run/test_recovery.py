"""The leftovers of a lost trial or an earlier attempt are ended and removed before the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from device_agents.contract import InvalidReason
from lab.device.fake.agent import events_of
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Process
from lab.errors import DeviceLost
from lab.records import Trial
from lab.run.attempt import Attempt, Attempts
from lab.run.bench import trial_name
from lab.run.monitor import Blind
from lab.run.recovery import REASON, collected
from lab.run.runner import order, run
from lab.trial.agent import Outcome, trial_folder
from lab.trial.folder import EVENTS, TURN
from lab.trial.job import Place
from tests.fake_lab import FakeTurn, ScriptedLab, Wanderer


class Left(FakePhone):
    """A phone on which a dead lab's agent has ended well."""

    def find(self, folder: str) -> Process | None:
        """Return that agent."""
        return Process(99, started=99) if folder.endswith("-0001") else None

    def wait(self, process: Process, *, timeout_s: float) -> int | None:
        """It has ended."""
        return 0 if process.pid == 99 else super().wait(process, timeout_s=timeout_s)


def test_what_an_earlier_attempt_left_on_the_phone_is_not_read_as_the_next_one(
    make: Callable[..., ScriptedLab],
) -> None:
    """The phone's folder of a cut trial is removed before the trial begins again."""
    lab = make()
    record = lab.begin()
    stale = f"/data/local/tmp/pocketlab/trials/{record.id}-0001/rc"
    lab.phone.files[stale] = b"0"

    seen: list[bool] = []

    trials = run(record, lab.scenario, lab.bench, watch=lambda p: seen.append(stale in lab.phone.files))
    next(trials)
    trials.close()

    assert seen[0], "nothing had looked yet"
    assert not any(seen[1:])


def test_a_lost_agent_is_ended_before_the_next_one_starts(make: Callable[..., ScriptedLab]) -> None:
    """The phone is back in the same boot, its old agent still at work: nothing is measured beside it."""
    lab = make(script=lambda number: "lost" if number == 2 else "none")
    phone = Wanderer(lab.phone.inputs, script=lab.phone.script, clock=lab.phone.clock)
    bench = replace(lab.bench, device=fake_device(phone))

    trials = list(run(lab.begin(), lab.scenario, bench))

    assert [trial.reason for trial in trials] == [None, InvalidReason.DEVICE_LOST, None, None]
    back = phone.journal.index("is back")
    assert phone.journal[back : back + 3] == ["is back", "kill agent 2", "start agent 0000 load"]


def test_who_resumes_a_run_ends_the_agents_of_its_lost_trials(make: Callable[..., ScriptedLab]) -> None:
    """They are saved as lost, so nobody collects them, and the lease spares what belongs to this run."""
    lab = make(script=lambda number: "lost" if number == 2 else "none")
    phone = Wanderer(lab.phone.inputs, script=lab.phone.script, clock=lab.phone.clock)
    bench, record = replace(lab.bench, device=fake_device(phone)), lab.begin()
    phone.away = 2
    with pytest.raises(DeviceLost):
        list(run(record, lab.scenario, bench))

    assert [trial.number for trial in run(record, lab.scenario, bench)] == [3, 4]
    killed = phone.journal.index("kill agent 2")
    assert phone.journal[killed + 1] == "start agent 0000 load"


def left_on(lab: ScriptedLab) -> tuple[Left, Attempts, Place]:
    """Return a phone with the first trial of a run, left by a lab that died, and the attempts to collect it."""
    phone = Left(lab.phone.inputs, script=lab.phone.script, clock=lab.phone.clock)
    bench, record = replace(lab.bench, device=fake_device(phone)), lab.begin()
    attempts = Attempts(record, lab.scenario, bench, FakeTurn(), lambda now: None, lab.phone.inputs)
    place = order(record)[0]
    attempt = attempts.begin(place)
    events = b"".join(events_of(attempt.job, phone.inputs, 0.01, "none"))
    for name, content in {**attempt.errand.launch.files, EVENTS: events}.items():
        phone.files[f"{trial_folder(bench.device, trial_name(record.id, 1))}/{name}"] = content
    return phone, attempts, place


@pytest.mark.parametrize(("begun_in", "reason"), [("6", None), ("5", InvalidReason.SHARED_HOST)])
def test_a_trial_that_outlived_its_lab_counts_if_nobody_had_a_turn_since(
    make: Callable[..., ScriptedLab], begun_in: str, reason: InvalidReason | None
) -> None:
    """On shared cores only two turns with consecutive numbers show that; ours has number 7."""
    lab = make()
    _, attempts, place = left_on(lab)
    (lab.store.trial_folder(attempts.record.id, 1) / TURN).write_text(begun_in)

    trial = collected(attempts, place, Blind())

    assert trial is not None
    assert (trial.valid, trial.reason) == (reason is None, reason)


def test_a_leftover_that_cannot_be_read_is_set_aside_and_measured_again(
    make: Callable[..., ScriptedLab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in judging it must not end every `--resume` of its run."""
    lab = make()
    phone, attempts, place = left_on(lab)

    def judged(self: Attempt, outcome: Outcome) -> Trial:
        raise OverflowError("int too large to convert to float")

    with monkeypatch.context() as patch:
        patch.setattr(Attempt, "judged", judged)
        assert collected(attempts, place, Blind()) is None

    *_, aside = sorted((lab.store.trials_folder(attempts.record.id).parent / "interrupted").iterdir())
    assert "OverflowError: int too large" in (aside / REASON).read_text()
    assert not [name for name in phone.files if trial_name(attempts.record.id, 1) in name]
