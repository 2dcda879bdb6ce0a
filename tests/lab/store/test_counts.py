"""Counts over trials come from the index alone, in any database."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.records import Spread, Tally
from lab.store import Store
from tests.saved_runs import run_of, trial_of

JANUARY, FEBRUARY = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"


def test_trials_are_counted_by_device_scenario_and_reason(shared: str, tmp_path: Path) -> None:
    """Those that count have no reason; runs of another time and of another root are not asked about."""
    with closing(Store(tmp_path / "a", shared)) as ours, closing(Store(tmp_path / "b", shared)) as theirs:
        for store, run_id, started in ((ours, "a0", JANUARY), (ours, "a1", FEBRUARY), (theirs, "b0", FEBRUARY)):
            store.create_run(run_of(run_id, started))
            for number in range(3):
                store.save_trial(run_id, trial_of(number, valid=number > 0))
        ours.create_run(replace(run_of("a2", FEBRUARY), device="phone-1", scenario="decode"))
        ours.save_trial("a2", trial_of(0))

        assert ours.tallies("2026-02-01T00:00:00+00:00") == [
            Tally("host", "vit_batch", "", 2),
            Tally("host", "vit_batch", "wrong_output", 1),
            Tally("phone-1", "decode", "", 1),
        ]
        assert [each.trials for each in ours.tallies(JANUARY)] == [4, 2, 1]
        assert [each.trials for each in ours.tallies(JANUARY, FEBRUARY)] == [2, 1]
        assert ours.tallies("2026-03-01T00:00:00+00:00") == []


def test_the_spread_between_trials_is_pooled_over_runs(shared: str, tmp_path: Path) -> None:
    """Each run about its own mean: 9, 10, 11 (CV 10 %) and 20, 20 (0 %) have sqrt(0.02 / 3), not more."""
    with closing(Store(tmp_path / "data", shared)) as store:
        for run_id, values in (("a0", (9.0, 10.0, 11.0)), ("a1", (20.0, 20.0)), ("a2", (5.0,))):
            store.create_run(run_of(run_id, FEBRUARY))
            for number, value in enumerate(values):
                store.save_trial(run_id, replace(trial_of(number), samples={"encode_s": (value, value, value)}))
            store.save_trial(run_id, trial_of(9, valid=False))

        (found,) = store.spreads(JANUARY)

        assert (found.device, found.scenario, found.cell, found.metric) == ("host", "vit_batch", "a", "encode_s")
        assert (found.runs, found.freedom) == (2, 3)
        assert found.cv == pytest.approx((0.02 / 3) ** 0.5)
        assert store.spreads(JANUARY, "phone-1") == []
        assert store.spreads("2026-03-01") == []


def test_equal_trials_have_no_spread() -> None:
    """Rounding may leave a sum of squares a little below nothing."""
    assert Spread("host", "decode", "a", "decode_s", 1, 4, -1e-17).cv == 0.0


def test_an_index_that_does_not_answer_is_an_error_and_not_a_zero(tmp_path: Path) -> None:
    """No trial is read from its file instead: there may be millions."""
    with closing(Store(tmp_path / "data", "nonsense://here")) as store:
        with pytest.raises(StoreError, match="the index's URL"):
            store.tallies(JANUARY)
        with pytest.raises(StoreError, match="the index's URL"):
            store.spreads(JANUARY)
