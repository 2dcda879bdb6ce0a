"""The last reading of a device's sensors comes from the newest trials of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.device.vitals.lines import write
from lab.records import Vitals
from lab.report.last_seen import TRIALS, last_seen
from lab.report.rack import Reading
from lab.store import Store
from tests.saved_runs import run_of, trial_of

WARM = Vitals(boot_s=1.0, celsius={"battery": 33.0, "soc_max": 45.0}, battery_level=70.0, powered=True)
BLIND = Vitals(boot_s=2.0)


@pytest.fixture
def trials(tmp_path: Path) -> list[Path]:
    """The folders of a run's four trials."""
    store = Store(tmp_path / "data")
    store.create_run(run_of())
    for number in range(4):
        store.save_trial(run_of().id, trial_of(number))
    store.close()
    return sorted((tmp_path / "data/runs" / run_of().id / "trials").iterdir())


def seen(tmp_path: Path) -> Reading | None:
    """Return what was last seen of the run."""
    return last_seen(tmp_path / "data", run_of())


def test_the_newest_reading_with_a_sensor_is_taken(trials: list[Path], tmp_path: Path) -> None:
    """A later look that read nothing hides none; after a trial is later than before it."""
    (trials[2] / "gate.jsonl").write_text(write(Vitals(boot_s=0.0, celsius={"battery": 30.0})))
    (trials[2] / "after.jsonl").write_text(write(WARM))
    (trials[3] / "vitals.jsonl").write_text(write(BLIND))

    assert seen(tmp_path) == Reading(
        run_of().started_utc, run_of().id, battery=33.0, skin=None, chip=45.0, level=70.0, powered=True
    )


def test_a_device_without_sensors_was_read_all_the_same(trials: list[Path], tmp_path: Path) -> None:
    """A reading without a value is not the same as no reading."""
    (trials[3] / "vitals.jsonl").write_text(write(BLIND))

    assert seen(tmp_path) == Reading(run_of().started_utc, run_of().id)


def test_old_trials_and_damaged_files_are_not_read(trials: list[Path], tmp_path: Path) -> None:
    """Of four trials the first is not looked at; what is damaged was never read."""
    (trials[0] / "after.jsonl").write_text(write(WARM))
    (trials[3] / "vitals.jsonl").write_text("{}\n{\n")

    assert len(trials) == TRIALS + 1
    assert seen(tmp_path) is None
