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
from lab.records import Answer, Incident, Night, Run, Trial, Value
from lab.report.answer.saved import answer_of
from lab.report.night.view import DEMO, View, view_of
from lab.report.pipeline import Pipeline, pipelines_of
from lab.store import Store
from lab.store.kinds import NightRow as NightRow  # noqa: PLC0414 - handed on
from lab.store.kinds import RunGroup as RunGroup  # noqa: PLC0414 - handed on
from lab.store.kinds import RunRow as RunRow  # noqa: PLC0414 - handed on
from lab.store.where import data_root, shared_index

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


# --- scenarios -------------------------------------------------------------------------------------

MOST_RUNS = 500
"""Most runs of one scenario, device and line that a page offers: more than a year of nights. A judgement."""


@kept(1)
def run_groups(store: Store) -> list[RunGroup]:
    """Return what was measured: a group for each scenario, device and line of builds."""
    return store.run_groups()


@kept(16)
def run_rows(store: Store, scenario: str, device: str, line: str) -> list[RunRow]:
    """Return the runs of a group, newest first."""
    return store.run_rows(MOST_RUNS, scenario=scenario, device=device, build_line=line)


@kept(8)
def pipelines(store: Store, run_id: str) -> tuple[list[Pipeline], list[str]]:
    """Return the timeline of a pipelined cell of a run and of the same work in turn, and why there is none."""
    return pipelines_of(store.trials_folder(run_id), *answer_of(store, store.run(run_id)))


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
