"""A device's turn: two share the machine's, a stop ends the wait for it, and settings that lapse are reported."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lab.compare.comparable import Subject, differs_beyond
from lab.device import lease, local
from lab.device.care.restore import still_changed
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.local import LocalTransport
from lab.device.transport import Completed, Process
from lab.records import Context, Run, Trial
from lab.run.resume import reopen
from lab.run.runner import run
from lab.run.turn import Terms, lease_of, leases_of_two
from tests.fake_lab import FakeLab, batch_scenario
from tests.lab.device.care.android_phone import AS_BOUGHT, Android, as_bought

SCREEN_OFF = (
    "fake: wakefulness read awake when the run began, as wanted, and reads asleep at its end: it counts as "
    "`unverifiable`, and the run is not compared with one in which it held"
)


def test_two_devices_that_share_our_cores_take_one_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second does not wait for the first; each agent is noted under the device that it runs on."""
    monkeypatch.setenv("POCKETLAB_LOCK", str(tmp_path / "lock"))
    host = local.connect()
    other = replace(host, identity=replace(host.identity, name="other"))
    terms = Terms("me", 0.0, lambda words: None, lambda name, process: None)
    first, second = leases_of_two(host, other, terms)

    with first() as ours_held, second() as theirs_held:
        ours_held.note(Process(1, 2))
        assert json.loads((tmp_path / "lock").read_text())["device"] == "host"
        theirs_held.note(Process(3, 4))
        assert json.loads((tmp_path / "lock").read_text())["device"] == "other"
    assert ours_held.number == theirs_held.number


def test_whoever_waits_for_a_turn_hears_the_stop(tmp_path: Path) -> None:
    """Ctrl-C reaches only the main thread; the others must not wait on for a quarter of an hour."""
    device = replace(fake_device(FakePhone({})), transport=LocalTransport(), scratch=str(tmp_path / "phone"))
    terms = Terms("me@here pid 1", 900, lambda words: None, lambda name, process: None)
    threading.Timer(0.2, terms.stop.set).start()

    with (
        lease.held(device, owner="you@there pid 2", wait_s=0),
        pytest.raises(KeyboardInterrupt),
        lease_of(device, terms)(),
    ):
        pass


@pytest.fixture
def android(tmp_path: Path) -> Android:
    """A phone as bought."""
    return as_bought(tmp_path)


class Lab(FakeLab):
    """A phone with Android's settings that also runs agents; `told` is what its owner hears."""

    def __init__(self, folder: Path, phone: Android) -> None:
        super().__init__(folder, batch_scenario("[1]", warmup=1, blocks=2), phone)
        self.told: list[str] = []
        self.bench = replace(self.bench, profile="observe", tell=self.told.append)

    def measured(self, meanwhile: Callable[[Trial], object] = lambda trial: None) -> Run:
        """Measure a run, and return what the store says of it."""
        record = self.begin()
        for trial in run(record, self.scenario, self.bench):
            meanwhile(trial)
        return self.store.run(record.id)


@pytest.fixture
def lab(tmp_path: Path, android: Android) -> Iterator[Lab]:
    """Make a lab that is closed at the end."""
    made = Lab(tmp_path, android)
    yield made
    made.close()


def test_a_screen_that_went_off_during_a_run_is_told_and_recorded(lab: Lab, android: Android) -> None:
    """The run finishes, the phone is restored, and a run in which the setting held is not comparable."""
    held = lab.measured()
    assert lab.told == []

    gone = lab.measured(lambda trial: setattr(android, "awake", False))

    assert lab.told == [SCREEN_OFF]
    assert (held.context.facts["care_wakefulness"], gone.context.facts["care_wakefulness"]) == (
        "applied awake",
        "unverifiable asleep",
    )
    assert (gone.status, android.settings) == ("finished", AS_BOUGHT)
    sides = (Subject(each.device, each.context) for each in (held, gone))
    assert differs_beyond("build", *sides) == {"care_wakefulness": ("applied awake", "unverifiable asleep")}


def test_a_run_in_which_a_setting_lapsed_goes_on_and_stays_what_it_is(lab: Lab, android: Android) -> None:
    """Some trials were measured without it, and nobody knows which: even when set again it is unverifiable."""
    record = lab.begin()
    trials = run(record, lab.scenario, lab.bench)
    next(trials)
    android.awake = False
    trials.close()

    stopped = lab.store.run(record.id)

    assert (stopped.status, lab.told) == ("interrupted", [SCREEN_OFF])
    reopen(stopped, lab.scenario, lab.bench)
    assert all(trial.valid for trial in run(stopped, lab.scenario, lab.bench))
    whole = lab.store.run(record.id)
    assert (whole.status, whole.context.facts["care_wakefulness"]) == ("finished", "unverifiable asleep")


def test_the_lock_that_was_held_is_said_and_is_no_condition(lab: Lab) -> None:
    """A run in parts names each; a run of an older lab, which names none, goes on and stays comparable."""
    record = lab.begin()
    trials = run(record, lab.scenario, lab.bench)
    next(trials)
    trials.close()
    begun = lab.store.run(record.id)
    lab.turn.lock = "/tmp/another"
    reopen(begun, lab.scenario, lab.bench)
    list(run(begun, lab.scenario, lab.bench))
    whole = lab.store.run(record.id)

    assert begun.context.facts["measuring_lock"] == "/run/lock/fake"
    assert whole.context.facts["measuring_lock"] == "/run/lock/fake; /tmp/another"
    older = Context({name: fact for name, fact in whole.context.facts.items() if name != "measuring_lock"})
    assert not differs_beyond("build", Subject("fake", older), Subject("fake", whole.context))


def test_a_further_interrupt_while_settings_are_put_back_says_what_is_left(lab: Lab, android: Android) -> None:
    """A person who presses Ctrl-C again hears that the phone is still bright, and how to put that right."""
    record = lab.begin()
    trials = run(record, lab.scenario, lab.bench)
    next(trials)
    shell = android.shell

    def interrupted(argv: Sequence[str], *, timeout_s: float) -> Completed:
        if tuple(argv[:2]) == ("settings", "put"):
            raise KeyboardInterrupt
        return shell(argv, timeout_s=timeout_s)

    android.shell = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        trials.close()

    (words,) = lab.told
    assert words.startswith("fake: interrupted while its settings were put back; still changed: ")
    assert "screen_off_timeout" in words
    assert words.endswith("To try now: `lab devices restore fake`")
    assert still_changed(lab.store.root, "fake") in words
    assert still_changed(lab.store.root, "another") == ""
