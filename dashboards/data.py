"""What pages show, read from the store by the functions that the command line uses, and kept until it changes.

This is the only module of the dashboard that reads the store. What is kept belongs to a version of the data: once
any process saves something, a page reads again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import streamlit as st

from lab.errors import RunError, StoreError
from lab.identifiers import now_utc, person
from lab.nightly import history
from lab.nightly.history import Past as Past  # noqa: PLC0414 - handed on
from lab.nightly.incidents import MAKES_SENSE, Act
from lab.nightly.incidents import act as save_act
from lab.records import Answer, Incident, Night, Run, Series, State, Trial, Value
from lab.report.answer.saved import answer_of
from lab.report.incident.saved import view_of as incident_view_of
from lab.report.incident.view import View as IncidentView
from lab.report.night.view import DEMO, View, view_of
from lab.store import Store
from lab.store.kinds import NightRow as NightRow  # noqa: PLC0414 - handed on
from lab.store.where import data_root, shared_index

WRITERS = "POCKETLAB_WRITERS"
"""The variable that says who may act on incidents."""

Asked = ParamSpec("Asked")
Found = TypeVar("Found")


def root() -> Path:
    """Return the data root that the pages show."""
    return data_root().absolute()


def version() -> str:
    """Return words that differ once anything was saved in the data root; empty for one that is missing."""
    return _store(root(), shared_index()).version() if root().is_dir() else ""


@st.cache_resource(show_spinner=False, max_entries=4)
def _store(place: Path, url: str | None) -> Store:
    return Store(place, url)


def store() -> Store:
    """Return the store; raise `StoreError` for a data root that is missing: reading makes none."""
    if not root().is_dir():
        raise StoreError(
            f"{root()}: wanted a folder of results, found none; make one with `lab run` or `make nightly-demo`, "
            "or name another one with --data"
        )
    return _store(root(), shared_index())


def kept(
    entries: int,
) -> Callable[[Callable[Concatenate[Store, Asked], Found]], Callable[Asked, Found]]:
    """Keep what a reader returns, at most `entries` of it, until the data change. Callers must not alter it."""

    def decorated(read: Callable[Concatenate[Store, Asked], Found]) -> Callable[Asked, Found]:
        @st.cache_resource(show_spinner=False, max_entries=entries)
        @wraps(read)
        def remembered(place: Path, at: str, /, *asked: Asked.args, **named: Asked.kwargs) -> Found:
            return read(store(), *asked, **named)

        @wraps(read)
        def asked_now(*asked: Asked.args, **named: Asked.kwargs) -> Found:
            return remembered(root(), version(), *asked, **named)

        return asked_now

    return decorated


# --- nights ----------------------------------------------------------------------------------------


def mark() -> str:
    """Return what must be read with every figure of this data root; empty for nothing."""
    rows = nights()
    return DEMO if rows and night(rows[0].id).demo else ""


@kept(1)
def nights(store: Store) -> list[NightRow]:
    """Return the nights, newest first."""
    return store.nights()


@kept(8)
def night(store: Store, text: str) -> Night:
    """Return a night by its id or date; raise `StoreError` when there is none."""
    return store.night(text)


@kept(8)
def night_view(store: Store, text: str) -> View:
    """Return everything to print of a night that is finished, with the figures of its series."""
    found = store.night(text)
    values: list[Value] = store.values(found.id) if found.status == "finished" else []
    return view_of(found, values)


@kept(2)
def past(store: Store, suite: str) -> Past:
    """Return the history of every series of a suite, its newest night included."""
    return history.past_of_suite(store, suite)


# --- incidents -------------------------------------------------------------------------------------


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


# --- scenarios -------------------------------------------------------------------------------------


# --- series and comparisons ------------------------------------------------------------------------


# --- devices and quality ---------------------------------------------------------------------------


# --- runs ------------------------------------------------------------------------------------------


@kept(16)
def answer(store: Store, run_id: str) -> tuple[Answer, list[Trial]]:
    """Return a run's answer, and its trials."""
    return answer_of(store, store.run(run_id))


@kept(64)
def run(store: Store, text: str) -> Run:
    """Return the run whose id begins so; raise `StoreError` when there is none."""
    return store.run(text)
