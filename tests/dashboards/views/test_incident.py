"""One incident: what is known of it, and acting on it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from streamlit.testing.v1 import AppTest

from dashboards import data
from lab.device.vitals.look import write
from lab.records import OPEN, Incident
from lab.store import Store
from lab.trial.folder import GATE
from tests.dashboards.conftest import server
from tests.dashboards.pages import shown, words
from tests.lab.report.incident.incident_records import comparison, sides, starts
from tests.lab.report.report_runs import HOSTILE
from tests.night_records import COMPARISON, DATE, INCIDENT, incident, night, value


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with an incident on a phone with sensors, and all that it rests on."""
    monkeypatch.setenv("POCKETLAB_DATA", str(tmp_path / "data"))
    store = Store(tmp_path / "data")
    store.save_incident(incident())
    store.save_night(night())
    store.save_values(night().id, [value()])
    store.save_comparison(comparison())
    for run, trials in sides():
        store.create_run(run)
        for trial in trials:
            folder = store.trial_folder(run.id, trial.number)
            (folder / GATE).write_text(write(starts(1.5)[run.id, trial.number]))
            store.save_trial(run.id, trial)
    return store.root


def saves(at: AppTest, note: str, owner: str = "") -> AppTest:
    """Fill in the form as a person does, and save it."""
    at.text_input(key="act-note").input(note)
    at.text_input(key="act-owner").input(owner)
    return at.button[0].click().run()


def test_a_page_has_all_that_is_known(root: Path) -> None:
    """Sentence, reasons, story, commands with their cost, the text for a tracker."""
    at = shown(root, "incident", id=INCIDENT)

    assert not at.exception
    text = words(at)
    assert ":red-badge[! new]" in text
    assert "7.5 % slower (95 % interval 6.1 to 8.9 %); builds r11 (aaaaaaaa)..r12 (bbbbbbbb)" in text
    assert "The bad build began 1.5 °C warmer (case, median of 6 pairs)" in text
    assert "6 of 6 pairs are worse with the bad build, in the order of their measuring." in text
    assert "nothing to halve: no build lies between r11 and r12, so r12 brought it" in text
    assert f"lab compare aaaaaaaaaaaa bbbbbbbbbbbb --scenario decode --device phone-2 --data {root}" in text
    assert f"lab bundle {INCIDENT} --data {root}" in text
    assert f"{DATE} :red-badge[! new] **lab nightly**: 1 series regressed" in text
    assert "[perf] 1 series got worse between builds r11 and r12" in text


def test_a_link_without_an_id_leads_to_the_list(root: Path) -> None:
    """And the command line's list is named."""
    assert "lab incidents --all" in words(shown(root, "incident"))


def test_a_link_to_no_incident_says_which_there_are(root: Path) -> None:
    """The library's error, with the newest ids."""
    at = shown(root, "incident", id="beef")

    assert not at.exception
    assert "no incident has an id that begins" in at.error[0].value


def test_another_series_is_picked_by_the_link(rack: Path) -> None:
    """The worst one is shown without it; an unknown one falls back to it."""
    found = next(each for each in Store(rack).incidents() if len(each.members) > 1)
    at = shown(rack, "incident", id=found.id)
    last = at.selectbox(key="series").options[-1]
    name = found.members[-1].series.name

    assert at.selectbox(key="series").value == found.worst.series.name
    assert (
        shown(rack, "incident", id=found.id, series="none").selectbox(key="series").value
        == found.worst.series.name
    )
    assert "worse" in last and not shown(rack, "incident", id=found.id, series=name).exception


def test_without_its_comparison_the_rest_is_shown(root: Path) -> None:
    """What could not be read is named as unknown."""
    (root / "comparisons" / f"{COMPARISON}.json").unlink()
    at = shown(root, "incident", id=INCIDENT)

    assert not at.exception
    assert "The comparison that confirmed it could not be read" in words(at)
    assert "its cost is unknown" in words(at)


def test_an_incident_without_nights_or_runs_is_shown(tmp_path: Path) -> None:
    """An incident alone has its own figures."""
    Store(tmp_path).save_incident(incident())
    at = shown(tmp_path, "incident", id=INCIDENT)

    assert not at.exception
    assert "No night of this data root has figures of this series." in words(at)
    assert "412 tokens/s, now 7.5 % slower" in words(at)


def test_hostile_names_notes_and_owners_are_shown_as_they_are(tmp_path: Path) -> None:
    """Nothing that a device, file or person says becomes markup or an emoji."""
    name = f"{HOSTILE}:smile: :red-badge[x]"
    (member,) = incident().members
    named = replace(member, series=replace(member.series, device=name, line=name, cell=name))
    told = replace(incident().events[0], note=name, who=name)
    store = Store(tmp_path)
    store.save_incident(replace(incident(), line=name, owner=name, members=(named, member), events=(told,)))
    at = shown(tmp_path, "incident", id=INCIDENT)

    assert not at.exception
    markdown = "\n".join(each.value for each in (*at.markdown, *at.info, *at.caption))
    shown_text = re.sub(r"``.*?``", "", markdown)  # code spans show what is in them
    assert "<script" not in shown_text and ":smile:" not in shown_text and "[x](" not in shown_text
    assert "\x1b" not in words(at)


def test_a_person_acknowledges_with_note_and_owner(root: Path) -> None:
    """The page shows the new state, and the form is empty again."""
    at = saves(shown(root, "incident", id=INCIDENT), "bisecting", "ada")

    assert not at.exception and not at.error
    found = Store(root).incident(INCIDENT)
    assert (found.status, found.owner, found.events[-1].note) == ("acknowledged", "ada", "bisecting")
    assert ":orange-badge[◔ acknowledged]" in words(at)
    assert at.text_input(key="act-note").value == ""


def test_of_two_browsers_the_second_sees_who_was_faster(root: Path) -> None:
    """It is told what was said, loses nothing that it typed, and may save once it has read that."""
    first, second = (shown(root, "incident", id=INCIDENT) for _ in range(2))
    saves(first, "bisecting", "ada")

    refused = saves(second, "the phone lay in the sun", "ben")
    assert "changed after you opened it, and nothing was saved" in refused.error[0].value
    assert "bisecting" in refused.error[0].value
    assert refused.text_input(key="act-note").value == "the phone lay in the sun"
    assert refused.text_input(key="act-owner").value == "ben"
    assert [each.note for each in Store(root).incident(INCIDENT).events][1:] == ["bisecting"]

    again = refused.button[0].click().run()
    assert not again.error
    assert [each.note for each in Store(root).incident(INCIDENT).events][1:] == [
        "bisecting",
        "the phone lay in the sun",
    ]


def test_a_note_is_wanted(root: Path) -> None:
    """Whoever reads the story wants to know why."""
    at = saves(shown(root, "incident", id=INCIDENT), "  ", "ada")

    assert "wanted a note that says why" in at.error[0].value
    assert Store(root).incident(INCIDENT) == incident()


def test_a_closed_incident_offers_only_what_makes_sense(root: Path) -> None:
    """Nobody acknowledges what was fixed."""
    Store(root).save_incident(replace(incident(), status="fixed"))

    assert data.acts("fixed") == ("invalid",)
    assert data.acts("new") == ("acknowledged", "expected", "invalid")
    assert not shown(root, "incident", id=INCIDENT).exception


@pytest.mark.parametrize("writers", ["nobody", "ada@lab.org, ben@lab.org", ""])
def test_who_may_not_write_has_no_form(root: Path, monkeypatch: pytest.MonkeyPatch, writers: str) -> None:
    """Nobody is logged in here: only `everyone` has a form; the command line is named instead."""
    monkeypatch.setenv("POCKETLAB_WRITERS", writers)
    at = shown(root, "incident", id=INCIDENT)

    assert not at.exception
    assert not at.text_input and not at.button
    assert f"lab incidents acknowledge {INCIDENT[:13]} --note 'why' --owner NAME --data {root}" in words(at)


@pytest.mark.parametrize(
    ("user", "writers", "name"),
    [
        ({"is_logged_in": True, "email": "Ada@lab.org"}, "ada@lab.org, ben@lab.org", "Ada@lab.org"),
        ({"is_logged_in": True, "email": "ada@lab.org"}, "everyone", "ada@lab.org"),
        ({"is_logged_in": True, "email": "eve@lab.org"}, "ada@lab.org", ""),
        ({"is_logged_in": True, "email": "ada@lab.org", "email_verified": False}, "ada@lab.org", ""),
        ({"is_logged_in": False, "email": "ada@lab.org"}, "ada@lab.org", ""),
        ({"is_logged_in": True, "email": ""}, ", ,", ""),
        ({"is_logged_in": True, "email": "nobody"}, "nobody", ""),
    ],
)
def test_a_list_of_writers_is_matched_with_who_is_logged_in(
    user: dict[str, object], writers: str, name: str
) -> None:
    """Addresses are compared without case; one that its provider has not verified is nobody's."""
    assert data.writer_of(user, writers) == name


def test_an_act_without_permission_is_refused_by_the_server(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was open while the setting changed cannot write either."""
    at = shown(root, "incident", id=INCIDENT)
    monkeypatch.setenv("POCKETLAB_WRITERS", "nobody")
    saves(at, "bisecting")

    assert Store(root).incident(INCIDENT) == incident()


def test_a_person_reaches_an_incident_from_the_queue_and_acknowledges_it(
    rack: Path, tmp_path: Path, browser: Browser
) -> None:
    """A row leads to its evidence, saving changes the badge, and the queue shows the new state."""
    copy = Path(shutil.copytree(rack, tmp_path / "data"))
    found = _an_open_one(Store(copy))
    with server(copy) as address, browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{address}/incidents?matters=true")
        page.get_by_test_id("stDataFrame").click(position={"x": 16, "y": 52})  # its first row: a canvas
        expect(page.get_by_role("heading", name="Incident", exact=True)).to_be_visible()
        expect(page.get_by_text(f"incident {found.id[:13]}").first).to_be_visible()
        page.get_by_label("Note").fill("bisecting")
        page.get_by_label("Owner").fill("ada")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("◔ acknowledged").first).to_be_visible()
        page.get_by_role("link", name="Incidents").first.click()
        expect(page.get_by_text("◔ 1 acknowledged")).to_be_visible()
    assert Store(copy).incident(found.id).owner == "ada"


def _an_open_one(store: Store) -> Incident:
    """Return the incident that the queue of open ones shows first; make its newest one open if none is."""
    newest = store.incidents()[0]
    if newest.status not in OPEN:
        newest = replace(newest, status="new", events=newest.events[:1])
        store.save_incident(newest)
    return newest
