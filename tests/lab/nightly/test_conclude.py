"""Judging a night: what people do meanwhile is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lab.nightly.conclude import conclude
from lab.nightly.incidents import acted
from lab.nightly.suspect import Confirmation, Measured, Suspect
from lab.records import Interval
from lab.scenario.nights import Policy
from lab.store import Store
from tests.night_records import INCIDENT, VERDICT, incident, night, value


def test_an_owner_who_comes_while_the_night_confirms_stays(tmp_path: Path) -> None:
    """Confirming takes hours; the incident that it closes is the one that stands in the store at its end."""
    store, date = Store(tmp_path / "data"), "2026-11-30"
    store.save_incident(incident())
    same = Measured(replace(VERDICT, verdict="same", change=Interval(1.0, 0.99, 1.01, 0.95, 12)), (1.0,))

    def confirm(suspects: Sequence[Suspect], budget_s: float) -> Iterator[Confirmation]:
        taken = acted(incident(), "acknowledged", who="ada@lab", note="mine", utc=date, date=date, owner="ada")
        store.save_incident(taken)
        yield Confirmation(tuple(suspects), "c1", {value().series.cell: same}, 60.0)

    tonight = replace(night(), date=date, incidents=(), findings=(), told=())
    conclude(store, tonight, [value(of=412.0)], confirm, policy=Policy())

    found = store.incident(INCIDENT)
    assert (found.status, found.owner, found.members[0].back) == ("fixed", "ada", "c1")
    assert [event.state for event in found.events] == ["new", "acknowledged", "fixed"]
