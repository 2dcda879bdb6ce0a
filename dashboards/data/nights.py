"""Nights, their figures, and the history of every series."""

from __future__ import annotations

from contextlib import suppress

from dashboards.data.source import kept
from lab.errors import StoreError
from lab.records import Night, Series, Value
from lab.report.night.view import DEMO, View, view_of
from lab.report.series import choice
from lab.store import Store, history
from lab.store.history import Past
from lab.store.kinds import NIGHTS, NightRow

LAST_NIGHTS = 7
"""Nights whose findings make a series matter. A judgement: a week."""


def mark() -> str:
    """Return what must be read with every figure of this data root; empty for nothing."""
    for row in nights():
        with suppress(StoreError):  # the page of a damaged night says so
            return DEMO if night(row.id).demo else ""
    return ""


@kept(1)
def nights(store: Store) -> list[NightRow]:
    """Return the nights, newest first."""
    return store.nights()


@kept(1)
def unreadable_nights(store: Store) -> list[str]:
    """Return a sentence for each night of the data root that cannot be listed: a damaged one, or a newer one."""
    known = {each.id for each in store.nights()}
    found = []
    for each in NIGHTS.ids(store.root):
        if each not in known:
            try:
                store.night(each)
            except StoreError as error:
                found.append(str(error))
    return found


@kept(8)
def night(store: Store, text: str) -> Night:
    """Return a night by its id or date; raise `StoreError` when there is none."""
    return store.night(text)


@kept(8)
def night_view(store: Store, text: str) -> View:
    """Return everything to print of a night that is finished, with the figures of its series."""
    found = night(text)
    values: list[Value] = store.values(found.id) if found.status == "finished" else []
    return view_of(found, values)


@kept(2)
def past(store: Store, suite: str) -> Past:
    """Return the history of every series of a suite, its newest night included."""
    return history.past_of_suite(store, suite)


@kept(2)
def mattering(store: Store, suite: str) -> set[Series]:
    """Return the series of a suite that had a finding in the last nights, or are in an open incident."""
    rows = store.nights(suite, "finished")[:LAST_NIGHTS]
    return choice.mattering([store.night(each.id) for each in rows], store.incidents())


@kept(8)
def runs_of_night(store: Store, suite: str, date: str) -> dict[Series, str]:
    """Return the run that each series of a night has its figure from; none where the night has no figures."""
    row = next((each for each in store.nights(suite, "finished") if each.date == date), None)
    return {each.series: each.run for each in store.values(row.id)} if row else {}
