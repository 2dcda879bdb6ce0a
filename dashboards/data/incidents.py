"""Incidents, and what a person says of one."""

from __future__ import annotations

import os
from collections.abc import Mapping

import streamlit as st

from dashboards.data.nights import nights, past
from dashboards.data.source import kept, store
from lab.errors import RunError
from lab.identifiers import now_utc, person
from lab.nightly.incidents import MAKES_SENSE, Act
from lab.nightly.incidents import act as save_act
from lab.records import (
    Incident,
    Series,
    State,
)
from lab.report.incident.saved import view_of as incident_view_of
from lab.report.incident.view import View as IncidentView
from lab.store import Store
from lab.store.history import Past

WRITERS = "POCKETLAB_WRITERS"
"""The variable that says who may act on incidents."""


@kept(1)
def incidents(store: Store) -> list[Incident]:
    """Return the incidents, newest first."""
    return store.incidents()


@kept(8)
def incident(store: Store, text: str) -> IncidentView:
    """Return everything to print of the incident whose id begins so; raise `StoreError` when there is none."""
    return incident_view_of(store, store.incident(text))


def past_with(series: Series) -> Past | None:
    """Return the nights of the suite that measures a series; None where no night has it."""
    suites = dict.fromkeys(each.suite for each in nights())
    return next((found for suite in suites if series in (found := past(suite)).series), None)


def writer() -> str:
    """Return the name under which this session may act on incidents; empty for one that may not."""
    return writer_of(st.user.to_dict(), os.environ.get(WRITERS, "everyone"))


def writer_of(user: Mapping[str, object], writers: str) -> str:
    """Return the name under which a user may act: of writers that are everyone, nobody, or addresses with commas.

    Who is logged in has their e-mail address as name, unless its provider says that it is not verified; anybody
    else that of the server's process.
    """
    known = user.get("is_logged_in") is True and user.get("email_verified") is not False
    email = str(user.get("email") or "") if known else ""
    if writers.strip() == "everyone":
        return email or person()
    listed = {each.strip().lower() for each in writers.split(",")} - {"nobody", ""}
    return email if email.lower() in listed else ""


def acts(state: State) -> tuple[Act, ...]:
    """Return what a person may say of an incident in a state."""
    return tuple(each for each, states in MAKES_SENSE.items() if state in states)


def act(text: str, state: Act, *, note: str, owner: str, seen: int) -> Incident:
    """Save what the person of this session says of an incident, of which they saw so many events.

    Raises `RunError` for who may not, for a blank note, and where the incident changed since.
    """
    who, utc = writer(), now_utc()
    if not who:
        raise RunError(
            f"nothing was saved: this dashboard takes no acts from you; {WRITERS} says from whom it does"
        )
    if not note.strip():
        raise RunError("nothing was saved: wanted a note that says why, found none")
    return save_act(
        store(), text, state, who=who, note=note.strip(), utc=utc, date=utc[:10], owner=owner.strip(), seen=seen
    )
