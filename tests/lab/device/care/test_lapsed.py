"""What does not hold until the end of a run is told, and stands in the run's Context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.compare.comparable import Subject, differs_beyond
from lab.device.care.prepare import facts, lapsed
from lab.device.fake.phone import fake_device
from lab.device.transport import Completed
from lab.errors import DeviceLost
from lab.records import Run, Trial
from lab.run.resume import reopen
from lab.run.runner import run
from tests.fake_lab import FakeLab, batch_scenario
from tests.lab.device.care.android_phone import AS_BOUGHT, SECURITY, Android, as_bought, ready

SCREEN_OFF = (
    "fake: wakefulness read awake when the run began, as wanted, and reads asleep at its end: it counts as "
    "`unverifiable`, and the run is not compared with one in which it held"
)


@pytest.fixture
def android(tmp_path: Path) -> Android:
    """A phone as bought."""
    return as_bought(tmp_path)


# --- what is looked at ---------------------------------------------------------------------------------------


def test_what_holds_is_not_mentioned(android: Android, tmp_path: Path) -> None:
    """Of all that was set, fixed clocks included."""
    android.uid = 0
    prepared = ready(android, tmp_path, "rooted")

    assert lapsed(fake_device(android), prepared) == ()


@pytest.mark.parametrize(
    ("key", "name", "wanted"),
    [("global/low_power", "low_power", "0"), ("system/screen_off_timeout", "screen_off_timeout", "1800000")],
    ids=["was as wanted already", "was applied"],
)
def test_a_setting_that_android_changed_meanwhile_is_told(
    android: Android, tmp_path: Path, key: str, name: str, wanted: str
) -> None:
    """With the device, the setting, what was wanted and what was found."""
    prepared = ready(android, tmp_path)
    android.settings[key] = "1"

    (found,) = lapsed(fake_device(android), prepared)

    assert (found.name, found.wanted, found.after, found.outcome) == (name, wanted, "1", "unverifiable")
    assert found.detail.startswith(
        f"fake: {name} read {wanted} when the run began, as wanted, and reads 1 at its end"
    )


def test_a_clock_that_is_held_no_more_is_told(android: Android, tmp_path: Path) -> None:
    """Heat may cut a pinned maximum."""
    android.uid = 0
    prepared = ready(android, tmp_path, "rooted")
    (android.sys / "devices/system/cpu/cpufreq/policy7/scaling_max_freq").write_text("1450000\n")

    assert [one.name for one in lapsed(fake_device(android), prepared)] == ["policy7_scaling_max_freq"]


def test_what_was_never_proven_does_not_lapse(android: Android, tmp_path: Path) -> None:
    """A refused setting is recorded as refused, whatever it reads at the end."""

    def refuses(line: str, does: Callable[[], Completed]) -> Completed:
        return Completed(255, "", SECURITY) if line.startswith("settings put system") else does()

    android.answers = refuses
    prepared = ready(android, tmp_path)
    android.settings["system/screen_off_timeout"] = "15000"

    assert lapsed(fake_device(android), prepared) == ()


@pytest.mark.parametrize("away", [True, False], ids=["the device is away", "settings cannot be read"])
def test_nothing_is_said_of_what_cannot_be_looked_at(android: Android, tmp_path: Path, away: bool) -> None:
    """Not knowing is no change."""
    prepared = ready(android, tmp_path)

    def fails(line: str, does: Callable[[], Completed]) -> Completed:
        if away:
            raise DeviceLost("fake: not attached")
        return Completed(255, "", SECURITY) if line.startswith("settings") else does()

    android.answers = fails

    assert lapsed(fake_device(android), prepared) == ()


# --- what becomes of the run ---------------------------------------------------------------------------------


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
    """Make a lab, and let go of its index in the end."""
    made = Lab(tmp_path, android)
    yield made
    made.close()


def test_a_screen_that_went_off_during_a_run_is_told_and_recorded(lab: Lab, android: Android) -> None:
    """The run is finished, it is put back as before, and it is not comparable with one in which it held."""
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
    """Some trials were measured without it, and nobody knows which: set again, it counts as unverifiable."""
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


def test_facts_of_what_lapsed_say_unverifiable(android: Android, tmp_path: Path) -> None:
    """With what it reads, unless that moves by itself."""
    prepared = ready(android, tmp_path)
    android.settings |= {"system/screen_brightness": "87", "system/screen_off_timeout": "60000"}

    found = facts(type(prepared)(lapsed(fake_device(android), prepared)))

    assert found == {
        "care_screen_brightness": "unverifiable",
        "care_screen_off_timeout": "unverifiable 60000",
    }
