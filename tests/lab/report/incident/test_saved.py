"""From a saved incident to its view."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.device.vitals.look import write
from lab.report.incident.saved import view_of
from lab.store import Store
from lab.trial.folder import GATE
from tests.lab.report.incident.incident_records import comparison, sides, starts
from tests.night_records import COMPARISON, incident, night, value


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with an incident and all that it rests on."""
    found = Store(tmp_path / "data")
    found.save_incident(incident())
    found.save_night(night())
    found.save_values(night().id, [value()])
    found.save_comparison(comparison())
    for run, trials in sides():
        found.create_run(run)
        for trial in trials:
            folder = found.trial_folder(run.id, trial.number)
            (folder / GATE).write_text(write(starts(0.4)[run.id, trial.number]))
            found.save_trial(run.id, trial)
    return found


def test_everything_behind_an_incident_is_read(store: Store) -> None:
    """Its night, its figures, its pairs with the readings that opened their gates."""
    found = view_of(store, incident()).known

    assert [each.id for each in found.nights] == [night().id]
    assert len(found.values) == 1
    (series,) = found.series
    assert (len(series.pairs), series.pair_s, series.sensor) == (6, 40.0, "case")
    assert series.pairs[0].celsius == (31.0, 31.4)
    assert series.finding == night().findings[0]
    assert found.checks == {"phone-2": None}


def test_a_comparison_that_is_gone_leaves_an_incident_to_read(store: Store) -> None:
    """What could not be read is said, and nothing is invented in its place."""
    (store.root / "comparisons" / f"{COMPARISON}.json").unlink()
    found = view_of(store, incident())

    assert found.known.series[0].pairs == ()
    unknown = [each.words for each in found.reasons if each.side == "unknown"]
    assert unknown[0].startswith("The comparison that confirmed it could not be read: ")
    assert any("its cost is unknown" in each.cost for each in found.offers)


def test_a_night_that_is_damaged_leaves_an_incident_to_read(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Its file is named in a warning."""
    (store.root / "nights" / night().id / "night.json").write_text("{")
    found = view_of(store, incident())

    assert found.known.nights == () and len(found.known.series[0].pairs) == 6
    assert "night.json" in caplog.text
