"""Morning says what broke last night and whether the night can be trusted."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device import health
from lab.nightly.incidents import act
from lab.records import Planned, Series
from lab.report.night.view import view_of
from lab.store import Store
from tests.dashboards.pages import shown, words
from tests.night_records import BEFORE, DATE, INCIDENT, incident, night, value


@pytest.fixture
def small(tmp_path: Path) -> Store:
    """A store with one small night."""
    store = Store(tmp_path / "data")
    planned = (Planned("decode", "nano-w4", "phone-2", 1),)
    store.save_night(replace(night(), planned=planned))
    store.save_values(night().id, [value()])
    return store


def test_it_says_what_the_report_says(rack: Path) -> None:
    """The verdict sentence and the counts are those of the night's report."""
    store = Store(rack)
    last = store.night("last")
    at = shown(rack)

    assert at.subheader[0].value.replace("\\", "") == view_of(last, store.values(last.id)).verdict
    assert {each.label[2:]: each.value for each in at.metric}["regressed"] == str(last.counts.get("regressed", 0))


def test_a_link_names_the_night(rack: Path) -> None:
    """Another night of the same store, by its date or its id."""
    first = Store(rack).nights()[-1]

    for name in (first.date, first.id):
        assert shown(rack, night=name).selectbox(key="night").value == first.date


def test_a_link_to_a_night_that_is_not_there_says_so(rack: Path) -> None:
    """It shows no other night in its place."""
    at = shown(rack, night="2001-01-01")

    assert "no night has an id that begins" in at.error[0].value.replace("\\", "")
    assert not at.metric


def test_of_two_nights_of_a_date_each_has_a_name(small: Store) -> None:
    """The suite tells them from each other, or the id; a date alone means the newest."""
    first = night()
    other = replace(first, id="01990000-0000-7000-8000-000000000002", suite="weekly", counts={"regressed": 5})
    again = replace(other, id="01990000-0000-7000-8000-000000000003", counts={"regressed": 6})
    for each in (other, again):
        small.save_night(replace(each, started_utc=f"{first.date}T02:00:0{each.id[-1]}+00:00"))
        small.save_values(each.id, [value()])

    names = shown(small.root).selectbox(key="night").options
    assert names[2] == f"{first.date} nightly" and len(set(names)) == 3
    assert [shown(small.root, night=each.id).metric[0].value for each in (first, other, again)] == ["1", "5", "6"]
    assert shown(small.root, night=first.date).metric[0].value == "6"


def test_an_incident_stands_as_it_stands_now(small: Store) -> None:
    """What a person said of it after the night is on the first page."""
    small.save_incident(incident())
    act(
        small,
        INCIDENT,
        "acknowledged",
        who="ada",
        note="bisecting",
        utc=f"{DATE}T08:00:00Z",
        date=DATE,
        owner="ada",
    )
    at = shown(small.root)

    assert "◔ acknowledged" in words(at)
    assert "*ada*" in words(at)


def test_every_outcome_is_counted_by_its_own_name(small: Store) -> None:
    """What could not be told and what was not reproduced are two tiles."""
    small.save_night(replace(night(), counts={"cannot tell": 2, "not reproduced": 5, "trend": 9}))
    found = {each.label: each.value for each in shown(small.root).metric}

    assert [found[name] for name in ("± cannot tell", "○ not reproduced", "~ trend")] == ["2", "5", "9"]


def test_a_damaged_newest_night_is_named(small: Store) -> None:
    """The night before it is not taken for the newest without a word."""
    (small.root / "nights" / "01990000-0000-7000-8000-000000000009").mkdir()
    (small.root / "nights" / "01990000-0000-7000-8000-000000000009" / "night.json").write_text("{")
    at = shown(small.root)

    assert "A night is left out" in at.error[0].value


def test_only_what_matters_is_listed_until_one_asks_for_all(rack: Path) -> None:
    """The table leaves out series without a change, and says how many there are."""
    at = shown(rack)
    few = len(at.dataframe[0].value)
    every = len(shown(rack, only="false").dataframe[0].value)

    assert 0 < few < every
    assert f"{few} of {every} series" in words(at)


def test_a_row_leads_to_its_run(rack: Path) -> None:
    """A selected row opens the page Run with the run's id."""
    at = shown(rack)
    at.session_state["series"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at.run()

    assert at.header[0].value == "Runs"


def test_a_selected_field_is_one_of_its_night(small: Store) -> None:
    """What was not measured says why; the night one turns to from there says nothing of that field."""
    small.save_night(night())
    other = replace(night(), id="01990000-0000-7000-8000-000000000002", date=BEFORE)
    small.save_night(other)
    small.save_values(other.id, [value()])
    at = shown(small.root, night=DATE)
    chosen = {"selection": {"selected": [{"series_index": 0, "data_indices": [1]}], "areas": []}}
    at.session_state[f"covered {night().id}"] = chosen
    at.run()

    assert "phone-3 did not answer" in at.info[0].value
    at.selectbox(key="night").select(BEFORE).run()
    assert not at.exception
    assert not at.info


def test_hostile_names_are_text(small: Store, tmp_path: Path) -> None:
    """A device named like markup is shown as it is, and makes no picture, link or colour."""
    name = "<img src=x onerror=alert(1)> [x](http://evil) :red[x] :smile:"
    series = Series("decode", "c", "nano-w4", "decode_tokens_per_s", name)
    planned = (Planned("decode", "nano-w4", name, 1),)
    store = Store(tmp_path / "other")
    store.save_night(replace(night(), planned=planned, findings=(), incidents=(), gaps=()))
    store.save_values(night().id, [value(series)])
    at = shown(tmp_path / "other")

    assert not at.exception
    prose = re.sub(r"``.*?``", "", "\n".join(each.value for each in (*at.subheader, *at.markdown, *at.warning)))
    assert "<img" not in prose and "http://" not in prose and ":red[" not in prose and ":smile:" not in prose


def test_a_night_whose_figures_are_gone_says_so(small: Store) -> None:
    """The file is named, and what helps."""
    (small.root / "nights" / night().id / "values.parquet").unlink()
    at = shown(small.root)

    assert not at.exception
    assert "values.parquet: could not be read" in at.error[0].value.replace("\\", "")


def test_a_night_at_work_says_that_it_is_incomplete(small: Store) -> None:
    """A night that was not judged yet has no figures, and opens."""
    small.save_night(replace(night(), status="running", ended_utc=None))
    at = shown(small.root)

    assert not at.exception
    assert "The night is running" in words(at)


def test_what_is_saved_meanwhile_is_shown(small: Store) -> None:
    """The page is drawn from what lies there now, not from what lay there when it was first opened."""
    before = shown(small.root)
    small.save_night(replace(night(), counts={"regressed": 7}))
    after = shown(small.root)

    assert [page.metric[0].value for page in (before, after)] == ["1", "7"]


def test_a_root_of_an_older_lab_opens(rack: Path, tmp_path: Path) -> None:
    """It has no file that says when it changed."""
    shutil.copytree(rack, tmp_path / "old")
    (tmp_path / "old" / "changed").unlink()

    assert not shown(tmp_path / "old").exception


def test_a_quarantine_of_today_is_a_doubt_about_the_newest_night_alone(tmp_path: Path) -> None:
    """Older nights were measured before it."""
    older = replace(night(), id="01980000-0000-7000-8000-000000000001", date=BEFORE,
                    started_utc=f"{BEFORE}T01:00:00+00:00")  # fmt: skip
    with closing(Store(tmp_path / "data")) as store:
        for each in (older, night()):
            store.save_night(each)
            store.save_values(each.id, [value()])
    for _ in range(health.PATIENCE):
        health.failed(tmp_path / "data", "phone-2", "the agent died")

    assert "phone-2 is in quarantine" in words(shown(tmp_path / "data", night=DATE)).replace("\\", "")
    assert "in quarantine" not in words(shown(tmp_path / "data", night=BEFORE))
