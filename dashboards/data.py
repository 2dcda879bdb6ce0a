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
from lab.records.explanation import Explanation
from lab.report.answer.percentiles import Row
from lab.report.answer.percentiles import percentiles as percentiles_of
from lab.report.answer.saved import answer_of
from lab.report.explain.saved import explained
from lab.report.kept import kept_explanation
from lab.report.night.view import DEMO, View, view_of
from lab.report.phases import Iterations, Span, iterations_of, spans_of
from lab.report.trace import trace_of_saved
from lab.store import Store, glance
from lab.store.attached import Attached, attached, content, tail
from lab.store.kinds import NightRow as NightRow  # noqa: PLC0414 - handed on
from lab.store.kinds import RunGroup, RunRow
from lab.store.where import data_root, shared_index

Asked = ParamSpec("Asked")
Found = TypeVar("Found")


TAIL = 4000
"""How many characters of what an agent printed are shown: a judgement, a screenful."""


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


@kept(8)
def run_rows(store: Store, limit: int, wanted: tuple[tuple[str, str], ...]) -> list[RunRow]:
    """Return the newest runs with these values in their fields (scenario, device, status), newest first."""
    return store.run_rows(limit, **dict(wanted))


@kept(1)
def run_groups(store: Store) -> list[RunGroup]:
    """Return which scenario was measured on which device, with which line of builds."""
    return store.run_groups()


@kept(8)
def explanation(store: Store, run_id: str) -> Explanation:
    """Return why the trials of a run counted or not, as it was kept or computed now."""
    return kept_explanation(store.root, run_id) or explained(store, store.run(run_id))


@kept(8)
def percentiles(store: Store, run_id: str) -> tuple[Row, ...]:
    """Return the percentiles of a run's iterations and tokens."""
    return percentiles_of(*answer(run_id), store.trials_folder(run_id))


@kept(16)
def iterations(store: Store, run_id: str, number: int) -> Iterations:
    """Return the iterations of a trial from its events, warm-up included."""
    return iterations_of(store.trials_folder(run_id) / f"{number:04d}")


@kept(16)
def spans(store: Store, run_id: str, number: int, iteration: int) -> tuple[Span, ...]:
    """Return the spans of one iteration of a trial."""
    return spans_of(store.trials_folder(run_id) / f"{number:04d}", iteration)


def files(run_id: str, number: int) -> tuple[Attached, ...]:
    """Return the files of a trial that can be downloaded."""
    return attached(store().trials_folder(run_id) / f"{number:04d}")


def file(run_id: str, number: int, name: str) -> bytes:
    """Return the content of a file of a trial; raise `StoreError` for a too large one and for any other."""
    return content(store().trials_folder(run_id) / f"{number:04d}", name)


def file_tail(run_id: str, number: int, name: str) -> str:
    """Return the end of a text file of a trial."""
    return tail(store().trials_folder(run_id) / f"{number:04d}", name, TAIL)


def trace(run_id: str, number: int, iteration: int | None) -> bytes:
    """Return a trial, or one iteration of it, as a trace for Perfetto; raise `RunError` and `StoreError`."""
    _, pieces = trace_of_saved(store().root, [glance.one(store().root, "run", run_id)], number, iteration)
    return "".join(pieces).encode()
