"""Quality: every number says its n, and what is not known is said to be unknown."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lab.records import LiveCheck, ResampledRates
from lab.store import Store
from tests.dashboards.pages import shown, words
from tests.night_records import BEFORE, night
from tests.saved_checks import ALIKE, CHECKED, EMPTY
from tests.saved_runs import run_of, trial_of


def rates(at: AppTest) -> dict[str, str]:
    """Return the table of rates: name -> words."""
    table = next(each.value for each in at.dataframe if "rate" in each.value.columns)
    return dict(zip(table["rate"], table["k of n, 95 % bound"], strict=True))


def test_a_rack_that_never_checked_itself_knows_no_rate_of_false_verdicts(rack: Path) -> None:
    """Its world's truth is not used: a real lab would not know it. What its nights say is counted."""
    at = shown(rack, "quality")

    assert not at.exception
    assert "how often verdicts are wrong is not known" in words(at)
    found = rates(at)
    assert found["equal builds called changed"] == "none measured"
    assert found["noisy nights"].endswith(" of 30")
    assert "No self-check has injected a slow-down yet." in words(at)
    assert any("night to night" in each.value.columns for each in at.dataframe)


def test_self_checks_give_rates_with_their_bounds(tmp_path: Path) -> None:
    """Ten equal pairs of builds, none called changed; resampled slow-downs are drawn."""
    live = tuple(LiveCheck(f"a{i}", 1.0, ALIKE, 16, 30.0) for i in range(10))
    drawn = (ResampledRates(1.05, 1000, 990, 0, 0, 10, 9.0),)
    with closing(Store(tmp_path / "data")) as store:
        store.save_selfcheck(replace(CHECKED, live=live, resampled=drawn, smallest_found=0.031))
        store.save_selfcheck(EMPTY)

    at = shown(tmp_path / "data", "quality")

    assert not at.exception
    assert "Equal builds called changed: 0 of 10 (≤ 25.9 %)." in words(at)
    assert rates(at)["slow-downs of 10 % found"] == "none measured"
    assert "host: by resampling, slow-downs from 3.1 % are found in 95 % of cases" in words(at)


def test_trials_that_did_not_count_are_told_by_reason(tmp_path: Path) -> None:
    """With all of their scenario beside them."""
    with closing(Store(tmp_path / "data")) as store:
        store.create_run(run_of())
        for number in range(4):
            store.save_trial(run_of().id, trial_of(number, valid=number > 0))

    at = shown(tmp_path / "data", "quality")

    assert not at.exception
    assert "1 of 4 trials (25 %) in the runs that are kept of the last 30 days did not count." in words(at)
    table = next(each.value for each in at.dataframe if "reason" in each.value.columns)
    assert table[["reason", "device", "trials", "of"]].to_numpy().tolist() == [["wrong_output", "host", 1, 4]]


def test_an_index_that_cannot_be_read_costs_only_its_counts(tmp_path: Path) -> None:
    """Self-checks come from their files."""
    with closing(Store(tmp_path / "data")) as store:
        store.save_selfcheck(CHECKED)
    for path in (tmp_path / "data").glob("index.sqlite*"):
        path.unlink()
    (tmp_path / "data" / "index.sqlite").write_bytes(b"no database" * 1000)

    at = shown(tmp_path / "data", "quality")

    assert not at.exception
    assert rates(at)["equal builds called changed"] == "0 of 1 (≤ 95 %)"
    assert "Not known: " in words(at)


def test_a_series_leads_to_its_history(rack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is selected opens Explore with that series alone."""
    monkeypatch.setenv("POCKETLAB_DATA", str(rack))
    at = shown(rack, "quality")
    row = next(each.value for each in at.dataframe if "night to night" in each.value.columns).iloc[2]

    at.session_state["noise"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    at.run()

    assert not at.exception
    assert at.query_params["devices"] == row["device"]
    assert at.query_params["cells"] == row["cell"]
    assert at.query_params["lines"] == row["line"]


def test_a_night_that_could_not_be_read_once_counts_when_it_is_restored(tmp_path: Path) -> None:
    """Only what was read is remembered."""
    older = replace(night(), id="01980000-0000-7000-8000-000000000001", started_utc=f"{BEFORE}T01:00:00+00:00")
    with closing(Store(tmp_path / "data")) as store:
        store.save_night(night())
        store.save_night(older)
    path = tmp_path / "data" / "nights" / older.id / "night.json"
    whole = path.read_text()
    path.write_text("{")
    at = shown(tmp_path / "data", "quality")
    assert not at.exception
    assert rates(at)["noisy nights"] == "0 of 1"

    path.write_text(whole)

    assert rates(shown(tmp_path / "data", "quality"))["noisy nights"] == "0 of 2"
