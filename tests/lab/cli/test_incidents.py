"""The commands `lab incidents …`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.store import Store
from tests.lab_process import Lab
from tests.night_records import COMPARISON, INCIDENT, incident


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with an open incident, of which another series came back, and a fixed one."""
    found = Store(tmp_path / "data")
    (worse,) = incident().members
    larger = replace(worse.change, estimate=0.5, low=0.4, high=0.6)
    back = replace(worse, series=replace(worse.series, device="phone-9"), change=larger, back=COMPARISON)
    found.save_incident(replace(incident(), members=(back, worse)))
    found.save_incident(replace(incident(), id=INCIDENT.replace("0199", "0198"), status="fixed"))
    return found


def test_open_incidents_are_listed(lab: Lab, store: Store) -> None:
    """With the builds between which the cause lies, and the worst change with its interval."""
    head, row = lab("incidents").stdout.splitlines()

    assert "worst" in head
    for word in (INCIDENT[:13], "new", "nano-w4", "r11..r12", "7.5 %", "2026-11-29"):
        assert word in row
    assert "fixed" in lab("incidents", "--all").stdout


def test_a_lab_without_incidents_says_so(lab: Lab) -> None:
    """Nothing got worse."""
    assert lab("incidents").stdout.startswith("No open incident; `lab incidents --all`")


def test_an_incident_is_shown_with_its_story_and_what_to_do(lab: Lab, store: Store) -> None:
    """Whoever reads it needs no other command first. The commands are about a series that is still worse."""
    shown = lab("incidents", "show", INCIDENT).stdout

    assert "after nano-w4 r11 (aaaaaaaa), not after nano-w4 r12 (bbbbbbbb), since the night of 2026-11-29" in shown
    assert "2026-11-29  new, lab nightly: 1 series regressed" in shown
    assert (
        "`lab bisect nano-w4 --scenario decode --device phone-2 --good aaaaaaaaaaaa --bad bbbbbbbbbbbb "
        "--cell context_tokens=512`" in shown
    )
    assert "`lab compare aaaaaaaaaaaa bbbbbbbbbbbb --scenario decode --device phone-2`" in shown
    assert (
        "decode, 512 tokens of context with nano-w4 on phone-2: 7.5 % slower (95 % interval 6.1 to 8.9 %)" in shown
    )
    assert "nothing to halve: no build lies between r11 and r12, so r12 brought it" in shown
    assert "its cost is unknown" in shown


def test_a_person_takes_an_incident_and_closes_it(lab: Lab, store: Store) -> None:
    """Owner, note and state are in the store; a closed one cannot be acknowledged."""
    assert lab("incidents", "acknowledge", INCIDENT, "--note", "bisecting", "--owner", "ada").returncode == 0
    taken = store.incident(INCIDENT)
    assert (taken.status, taken.owner, taken.events[-1].note) == ("acknowledged", "ada", "bisecting")
    assert "@" in taken.events[-1].who

    assert lab("incidents", "invalid", INCIDENT, "--note", "the phone lay in the sun").returncode == 0
    again = lab("incidents", "acknowledge", INCIDENT, "--note", "hm")
    assert again.returncode == 2
    assert "found it invalid" in again.stderr
    assert (store.incident(INCIDENT).status, store.incident(INCIDENT).owner) == ("invalid", "ada")
