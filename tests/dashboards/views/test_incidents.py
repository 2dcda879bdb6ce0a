"""The queue of incidents."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.store import Store
from tests.dashboards.pages import shown, words
from tests.lab.report.report_runs import HOSTILE
from tests.night_records import INCIDENT, incident


def column(at: Any, name: str) -> list[object]:
    """Return a column of the queue."""
    found: list[object] = at.dataframe[0].value[name].tolist()
    return found


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A data root with incidents in three states, of two devices, and no night."""
    store = Store(tmp_path / "data")
    store.save_incident(incident())
    store.save_incident(replace(incident(), id=INCIDENT.replace("0199", "0198"), status="fixed", owner="ada"))
    (member,) = incident().members
    other = replace(member, series=replace(member.series, device="phone-7"))
    store.save_incident(
        replace(incident(), id=INCIDENT.replace("0199", "019a"), status="back", line="nano-w8", members=(other,))
    )
    return store.root


def test_a_data_root_without_incidents_says_what_finds_some(tmp_path: Path) -> None:
    """Nothing is wrong."""
    (tmp_path / "data").mkdir()
    at = shown(tmp_path / "data", "incidents")

    assert not at.exception
    assert "No incident." in words(at) and f"lab nightly SUITE --data {tmp_path / 'data'}" in words(at)


def test_the_queue_has_the_open_ones_first(three: Path) -> None:
    """With sign and word, the worst change with its interval, and how many were looked at."""
    at = shown(three, "incidents")

    assert column(at, "state") == ["↺ back", "! new", "✓ fixed"]
    assert column(at, "worst by") == ["7.5 % (6.1 to 8.9)"] * 3
    assert column(at, "owner") == ["nobody", "nobody", "ada"]
    assert "**3 of 3 incidents**: ! 1 new · ↺ 1 back · ✓ 1 fixed; 3 series, of 0 nights." in words(at)
    assert "| \\! new | nano-w4 | r11..r12 |" in words(at)


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ({"states": "fixed"}, ["✓ fixed"]),
        ({"lines": "nano-w8"}, ["↺ back"]),
        ({"devices": "phone-2"}, ["! new", "✓ fixed"]),
        ({"search": "ada"}, ["✓ fixed"]),
        ({"matters": "true"}, ["↺ back", "! new"]),
        ({"states": "no-such-state"}, ["↺ back", "! new", "✓ fixed"]),
    ],
)
def test_a_link_carries_the_filters(three: Path, query: dict[str, str], states: list[str]) -> None:
    """A view is a link; an unknown value falls back."""
    at = shown(three, "incidents", **query)

    assert not at.exception
    assert column(at, "state") == states


def test_a_filter_that_leaves_nothing_says_so(three: Path) -> None:
    """And how to get back."""
    assert "No incident fits." in words(shown(three, "incidents", search="nobody-says-this"))


def test_the_history_of_the_worst_series_stands_in_its_row(rack: Path) -> None:
    """The last of its figures is on the new level."""
    at = shown(rack, "incidents")

    assert not at.exception
    assert all(len(each) > 5 for each in column(at, "history") if isinstance(each, list))


def test_several_are_acknowledged_at_once(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets the note in its story; one is not enough for a form of its own."""
    monkeypatch.setenv("POCKETLAB_DATA", str(three))
    at = shown(three, "incidents")
    at.multiselect(key="picked").select(INCIDENT).select(INCIDENT.replace("0199", "019a"))
    at.text_input(key="several-note").input("one fault of the charger")
    at.button[0].click().run()

    assert not at.exception
    assert column(at, "state") == ["◔ acknowledged", "◔ acknowledged", "✓ fixed"]
    assert Store(three).incident(INCIDENT).events[-1].note == "one fault of the charger"


def test_what_a_night_added_after_the_page_was_shown_is_told_before_it_is_acknowledged(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is saved; who has read what happened may do it again."""
    monkeypatch.setenv("POCKETLAB_DATA", str(three))
    at = shown(three, "incidents")
    at.multiselect(key="picked").select(INCIDENT)
    at.text_input(key="several-note").input("one fault of the charger")
    more = replace(incident().events[0], note="2 series got worse")
    Store(three).save_incident(replace(incident(), events=(*incident().events, more)))
    at.button[0].click().run()

    assert "changed after you opened it, and nothing was saved" in at.error[0].value
    assert "2 series got worse" in at.error[0].value
    assert Store(three).incident(INCIDENT).status == "new"
    assert not at.button[0].click().run().error
    assert Store(three).incident(INCIDENT).status == "acknowledged"


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    """Nothing that a file says becomes markup or an emoji."""
    (member,) = incident().members
    name = f"{HOSTILE}:smile:"
    hostile = replace(member, series=replace(member.series, device=name, line=name))
    Store(tmp_path).save_incident(replace(incident(), line=name, owner=name, members=(hostile,)))
    at = shown(tmp_path, "incidents")

    assert not at.exception
    markdown = "\n".join(each.value for each in at.markdown)
    assert "<script" not in markdown and ":smile:" not in markdown


def test_a_damaged_incident_leaves_the_others(rack: Path, tmp_path: Path) -> None:
    """The index knows the others; a file that cannot be read does not end the page."""
    copy = Path(shutil.copytree(rack, tmp_path / "data"))
    next((copy / "incidents").iterdir()).write_text("{")
    at = shown(copy, "incidents")

    assert not at.exception
