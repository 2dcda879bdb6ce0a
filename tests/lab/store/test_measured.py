"""A run's trials at a glance are those that were saved; a damaged one hides no other."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lab.store import Store
from lab.store.measured import Measured, measured
from tests.saved_answers import saved_run


def test_trials_that_were_damaged_or_changed_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each with a warning that names its file; one that is not valid is listed as such."""
    store = Store(tmp_path)
    run = saved_run(store)
    files = {number: store.trials_folder(run.id) / f"{number:04d}" / "trial.json" for number in range(1, 9)}
    assert next(iter(measured(tmp_path, run.id))) == Measured(1, "null", True)
    files[1].write_text(files[1].read_text().replace('"valid": true', '"valid": false'))
    with caplog.at_level(logging.WARNING):
        assert [each.number for each in measured(tmp_path, run.id)] == [2, 3, 4, 5, 6, 7, 8]
    assert "0001/trial.json: changed since its run ended" in caplog.text

    store.update_run(run)  # it goes on: its seal is gone
    files[2].write_text("{")
    assert [(each.number, each.valid) for each in measured(tmp_path, run.id)][:2] == [(1, False), (3, True)]
    assert "0002/trial.json: damaged, not a trial" in caplog.text
    store.close()
