"""A trial's figure stands beside the temperature that its gate read last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.device.vitals.look import write
from lab.records import Vitals
from lab.report.series.heat import Start, by_kind, grouped, starts_of
from lab.report.series.points import Point
from lab.trial.folder import GATE
from tests.fake_lab import batch_scenario
from tests.lab.report.report_runs import batches, run_of
from tests.night_records import SERIES
from tests.saved_runs import trial_of


def test_only_trials_that_count_and_have_a_reading_are_points(tmp_path: Path) -> None:
    """The last look at the gate counts; a trial without one, an invalid one and a damaged file are left out."""
    run = replace(run_of(batches(4)), scenario_toml=batch_scenario("[4]", blocks=2))
    trials = [replace(trial_of(number, valid=number != 2), cell=run.cells[0].key) for number in (1, 2, 3, 4)]
    for number, celsius in ((1, (36.0, 34.5)), (2, (30.0,))):
        (tmp_path / f"{number:04d}").mkdir()
        looks = (Vitals(boot_s=float(at), celsius={"battery": each}) for at, each in enumerate(celsius))
        (tmp_path / f"{number:04d}" / GATE).write_text("".join(write(each) for each in looks))
    (tmp_path / "0004").mkdir()
    (tmp_path / "0004" / GATE).write_text("{")

    assert starts_of(run, trials, tmp_path) == [Start(1, run.cells[0].key, 2.0, "battery", 34.5)]


def test_kinds_of_device_are_kept_apart() -> None:
    """Each has a chart of its own."""
    host, other = replace(SERIES, device="host"), replace(SERIES, device="phone-9")
    points = {
        each: (Point("2026-11-29", "2026-11-29", 1.0, None, {"device kind": kind}),)
        for each, kind in ((SERIES, "phone"), (host, "host"), (other, "phone"))
    }

    assert by_kind(points) == {"phone": [SERIES, other], "host": [host]}


def test_trials_are_grouped_by_series_and_sensor() -> None:
    """Trials of another cell belong to another series; a run without readings adds nothing."""
    starts = [Start(1, SERIES.cell, 20.0, "skin", 34.5), Start(2, "other", 21.0, "skin", 35.0)]

    assert grouped({"r1": [SERIES], "r2": [SERIES]}, {"r1": starts}) == {
        "phone-2 · nano-w4 · context_tokens=512 (skin)": [(34.5, 20.0)]
    }
