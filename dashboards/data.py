"""What pages show, read from the store by the functions that the command line uses, and kept until it changes.

This is the only module of the dashboard that reads the store. What is kept belongs to a version of the data: once
any process saves something, a page reads again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import streamlit as st

from lab.errors import StoreError
from lab.nightly import history
from lab.nightly.history import Past
from lab.records import Answer, Comparison, Incident, Night, Run, Series, Trial, Value
from lab.report.answer.saved import answer_of
from lab.report.night.view import DEMO, View, view_of
from lab.report.series import choice
from lab.report.series.heat import Start, starts_of
from lab.report.verdict.saved import beside_of, verdict_of
from lab.report.verdict.view import View as Judged
from lab.store import Store
from lab.store.kinds import NightRow as NightRow  # noqa: PLC0414 - handed on
from lab.store.where import data_root, shared_index

Asked = ParamSpec("Asked")
Found = TypeVar("Found")

LAST_NIGHTS = 7
"""Nights whose findings make a series matter. A judgement: a week."""

MOST_LISTED = 1000
"""The most comparisons that are listed. A judgement: weeks of nights."""


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


# --- scenarios -------------------------------------------------------------------------------------


# --- series and comparisons ------------------------------------------------------------------------


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


@kept(64)
def starts(store: Store, run_id: str) -> list[Start]:
    """Return the temperature at the start of each trial of a run that counts, and its figure."""
    found = store.run(run_id)
    return starts_of(found, store.trials(found.id), store.trials_folder(found.id))


@kept(1)
def comparisons(store: Store) -> list[Comparison]:
    """Return the comparisons, newest first, `MOST_LISTED` at most."""
    return store.comparisons(MOST_LISTED)


@kept(1)
def checking(store: Store) -> set[str]:
    """Return the ids of the comparisons that self-checks made of a build with itself."""
    return {live.comparison for check in store.selfchecks() for live in check.live}


@kept(8)
def verdict(store: Store, text: str) -> tuple[Judged, tuple[list[Trial], list[Trial]]]:
    """Return everything to print of a comparison, and the trials of its baseline and of its candidate."""
    return verdict_of(store, store.comparison(text))


@kept(8)
def beside(store: Store, base: str, new: str) -> tuple[Judged, tuple[list[Trial], list[Trial]]]:
    """Return two runs that were measured apart, beside each other and without a verdict.

    Raises `RunError` when they measured nothing in common, or one is not finished.
    """
    return beside_of(store, store.run(base), store.run(new))


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
