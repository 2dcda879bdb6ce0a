"""What pages show, read from the store by the functions that the command line uses, and kept until it changes.

This is the only module of the dashboard that reads the store. What is kept belongs to a version of the data: once
any process saves something, a page reads again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import streamlit as st

from lab.compare.newest import newest_that_judged
from lab.device import health, roster
from lab.device.adb.server import Server
from lab.device.addresses import addresses
from lab.device.care.restore import changed_elsewhere
from lab.device.health import Health
from lab.device.roster import Entry
from lab.errors import LabError, RunError, StoreError
from lab.identifiers import now_utc, person
from lab.nightly.incidents import MAKES_SENSE, Act
from lab.nightly.incidents import act as save_act
from lab.records import (
    Answer,
    Comparison,
    Incident,
    Night,
    Run,
    SelfCheck,
    Series,
    Spread,
    State,
    Tally,
    Trial,
    Value,
)
from lab.records.explanation import Explanation
from lab.report.answer.percentiles import Row
from lab.report.answer.percentiles import percentiles as percentiles_of
from lab.report.answer.saved import answer_of
from lab.report.explain.saved import explained
from lab.report.incident.saved import view_of as incident_view_of
from lab.report.incident.view import View as IncidentView
from lab.report.kept import kept_explanation
from lab.report.last_seen import last_seen
from lab.report.night.view import DEMO, KIND, View, view_of
from lab.report.phases import Iterations, Span, iterations_of, spans_of
from lab.report.pipeline import Pipeline, pipelines_of
from lab.report.quality import Noise, Sum, noises_of, sum_of
from lab.report.rack import UNKNOWN, Reading, Standing, own_metric, rack_of
from lab.report.series import choice
from lab.report.series.heat import Start, starts_of
from lab.report.steady import Nights
from lab.report.trace import trace_of_saved
from lab.report.trust import Trust, trust_of
from lab.report.verdict.saved import beside_of, verdict_of
from lab.report.verdict.view import View as Judged
from lab.scenario.load import heading_of
from lab.store import Store, glance, history
from lab.store.attached import Attached, attached, content, tail
from lab.store.history import KEPT
from lab.store.history import Past as Past  # noqa: PLC0414 - handed on
from lab.store.kinds import NightRow as NightRow  # noqa: PLC0414 - handed on
from lab.store.kinds import RunGroup as RunGroup  # noqa: PLC0414 - handed on
from lab.store.kinds import RunRow as RunRow  # noqa: PLC0414 - handed on
from lab.store.where import data_root, shared_index
from lab.trial.metrics import METRICS

log = logging.getLogger(__name__)

WRITERS = "POCKETLAB_WRITERS"
"""The variable that says who may act on incidents."""

Asked = ParamSpec("Asked")
Found = TypeVar("Found")

LAST_NIGHTS = 7
"""Nights whose findings make a series matter. A judgement: a week."""

MOST_LISTED = 1000
"""The most comparisons that are listed. A judgement: weeks of nights."""


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


@kept(1)
def run_groups(store: Store) -> list[RunGroup]:
    """Return what was measured: a group for each scenario, device and line of builds."""
    return store.run_groups()


@kept(8)
def run_rows(store: Store, limit: int, wanted: tuple[tuple[str, str], ...]) -> list[RunRow]:
    """Return the newest runs with these values in their fields (scenario, device, status), newest first."""
    return store.run_rows(limit, **dict(wanted))


@kept(8)
def pipelines(store: Store, run_id: str) -> tuple[list[Pipeline], list[str]]:
    """Return the timeline of a pipelined cell of a run and of the same work in turn, and why there is none."""
    return pipelines_of(store.trials_folder(run_id), *answer_of(store, store.run(run_id)))


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

RACK_DAYS, COUNTED_DAYS = 7, 30
"""Days over which the noise of all devices is told, and over which trials are counted."""

READ_RUNS, READ_OF_DEVICE = 100, 3
"""Newest runs in all, and of a device, that are searched for a reading of its sensors; more would take long."""


def trust(night_id: str) -> Trust:
    """Return whether a night can be trusted, and why; raise `StoreError` when there is no such night."""
    view = night_view(night_id)
    return trust_of(
        view.night,
        view.values,
        checks=selfchecks(),
        incidents=incidents(),
        quarantined={name: words for name, each in health_book()[0].items() if (words := each.quarantine)},
        tallies=tallies(view.night.started_utc, view.night.ended_utc),
    )


@kept(1)
def selfchecks(store: Store) -> list[SelfCheck]:
    """Return the self-checks, newest first."""
    return store.selfchecks()


@kept(16)
def _tallies(store: Store, since: str, until: str | None) -> list[Tally]:
    return store.tallies(since, until)


@kept(8)
def _spreads(store: Store, since: str, device: str | None) -> list[Spread]:
    return own_metric(store.spreads(since, device), metrics())


def tallies(since: str, until: str | None = None) -> list[Tally]:
    """Return how many trials counted, or why not, of the runs that began in a time; none if the index fails."""
    return _or_none(lambda: _tallies(since, until))


def spreads(days: int, device: str | None = None) -> list[Spread]:
    """Return the spread between trials in the last days, of each scenario's metric; none if the index fails."""
    return _or_none(lambda: _spreads(days_back(days), device))


def _or_none(count: Callable[[], list[Found]]) -> list[Found]:
    try:
        return count()
    except StoreError as error:  # what failed is not kept: the index may answer the next time
        log.warning("%s", error)
        return []


def health_book() -> tuple[dict[str, Health], str]:
    """Return the health of devices that failed lately, and words about a damaged book; raise `StoreError`.

    It is read anew each time: the book is no part of the data's version.
    """
    return health.examined(root())


def rack() -> tuple[Standing, ...]:
    """Return every device that the store knows, those that need a person first."""
    finished = next((each for each in nights() if each.status == "finished"), None)
    return rack_of(
        night(finished.id) if finished else None,
        newest_runs(),
        devices={each.device for each in run_groups()},
        checks=selfchecks(),
        book=health_book()[0],
        spreads=spreads(RACK_DAYS),
        tallies=tallies(days_back(COUNTED_DAYS)),
        readings=readings(),
    )


@kept(1)
def newest_runs(store: Store) -> dict[str, Run]:
    """Return the newest run of each device; a damaged one is left out with a warning. Ids sort by time."""
    ids: dict[str, str] = {}
    for each in store.run_groups():
        ids[each.device] = max(each.newest, ids.get(each.device, ""))
    return dict(_readable(store, ids))


@kept(1)
def metrics(store: Store) -> dict[str, str]:
    """Return scenario -> the metric that it answers by, as the newest run of each says."""
    ids: dict[str, str] = {}
    for each in store.run_groups():
        ids[each.scenario] = max(each.newest, ids.get(each.scenario, ""))
    found: dict[str, str] = {}
    for name, run in _readable(store, ids):
        with suppress(LabError):  # a scenario of another version
            found[name] = heading_of(run).metric
    return found


def _readable(store: Store, ids: Mapping[str, str]) -> Iterator[tuple[str, Run]]:
    for name, run_id in ids.items():
        try:
            yield name, store.run(run_id)
        except StoreError as error:
            log.warning("left out: %s", error)


@kept(1)
def readings(store: Store) -> dict[str, Reading]:
    """Return what sensors of each device said in its newest runs, of those that have a reading."""
    ids = [each.id for each in store.run_rows(READ_RUNS)]
    newest = [*newest_runs().values(), *(run for _, run in _readable(store, {each: each for each in ids}))]
    read: dict[str, int] = {}
    found: dict[str, Reading] = {}
    for run in newest:
        read[run.device] = read.get(run.device, 0) + 1
        if run.device not in found and read[run.device] <= READ_OF_DEVICE:
            with suppress(StoreError):
                if reading := last_seen(store.root, run):
                    found[run.device] = reading
    return found


@kept(4)
def runs_of(store: Store, device: str, most: int) -> list[RunRow]:
    """Return the newest runs of a device, newest first."""
    return store.run_rows(most, device=device)


def index_failure() -> str:
    """Return why counts over trials cannot be told, in words; empty when the index answers."""
    try:
        store().tallies("9999")
    except StoreError as error:
        return str(error)
    return ""


@kept(8)
def days_back(store: Store, days: int) -> str:
    """Return the time so many days before the newest run: a store that is not measured any more shows its last."""
    newest = store.run_rows(1)
    end = datetime.fromisoformat(newest[0].started_utc) if newest else datetime.now(UTC)
    return (end - timedelta(days=days)).isoformat()


@kept(1)
def anchors(store: Store) -> frozenset[str]:
    """Return the lines that nights measure as references, the same build every night."""
    finished = next((each for each in store.nights() if each.status == "finished"), None)
    return frozenset(each.line for each in night(finished.id).planned if each.anchor) if finished else frozenset()


@kept(8)
def nights_of(store: Store, device: str = "", series: str = "") -> list[Nights]:
    """Return every series of a device, or each with these scenario, cell, line and metric, in the newest suite."""
    finished = next((each for each in store.nights() if each.status == "finished"), None)
    if finished is None:
        return []
    whole = past(finished.suite)
    wanted = (each for each in whole.series if (each.device == device if device else cell_name(each) == series))
    return [_nights(whole, each) for each in sorted(wanted, key=lambda each: each.name)]


def cell_name(series: Series) -> str:
    """Return the name of a series without its device."""
    return replace(series, device="").name.removesuffix(" / ")


def _nights(whole: Past, series: Series, last: int = KEPT) -> Nights:
    found = whole.series[series]
    contexts = tuple(whole.contexts[at] if at >= 0 else {} for at in found.contexts[-last:].tolist())
    builds = tuple(whole.builds[at].name if at >= 0 else "" for at in found.builds[-last:].tolist())
    kind = next((each[KIND] for each in reversed(contexts) if KIND in each), UNKNOWN)
    return Nights(
        series,
        METRICS[series.metric],
        kind,
        whole.dates[-last:],
        tuple(found.values[-last:].tolist()),
        builds,
        contexts,
    )


def newest_checks() -> list[SelfCheck]:
    """Return the newest self-check of each device that judged anything, by device."""
    devices = sorted({each.device for each in selfchecks()})
    found = (newest_that_judged([each for each in selfchecks() if each.device == device]) for device in devices)
    return [each for each in found if each is not None]


def night_sums(most: int) -> list[Sum]:
    """Return the counts of the newest finished nights, newest first; damaged ones are left out with a warning."""
    finished = [each.id for each in nights() if each.status == "finished"]
    return [each for night_id in finished[:most] if (each := _night_sum(root(), night_id)) is not None]


@st.cache_resource(show_spinner=False, max_entries=400)
def _night_sum(place: Path, night_id: str) -> Sum | None:
    """Return the counts of a finished night, which change no more; a whole one is megabytes, and is not kept."""
    try:
        return sum_of(store().night(night_id))
    except StoreError as error:
        log.warning("left out: %s", error)
        return None


@kept(1)
def noises(store: Store) -> list[Noise]:
    """Return the noise of every series of the newest suite in its last nights, noisiest first."""
    finished = next((each for each in store.nights() if each.status == "finished"), None)
    if finished is None:
        return []
    whole = past(finished.suite)
    return noises_of((_nights(whole, each, COUNTED_DAYS) for each in whole.series), comparisons())


def remembered() -> list[str]:
    """Return the addresses of phones that the lab connects to whenever it looks; none if their file is damaged."""
    return addresses(root())


def look() -> tuple[list[Entry], list[str]]:
    """Look at the attached devices as `lab devices` does, and at what a lab left changed on others.

    It contacts the adb server and every device. Raises `DeviceError` when the server cannot be reached.
    """
    entries = roster.look(Server.from_environment(), root())
    return entries, changed_elsewhere(root(), {entry.name for entry in entries})


# --- runs ------------------------------------------------------------------------------------------


@kept(16)
def answer(store: Store, run_id: str) -> tuple[Answer, list[Trial]]:
    """Return a run's answer, and its trials."""
    return answer_of(store, store.run(run_id))


@kept(64)
def run(store: Store, text: str) -> Run:
    """Return the run whose id begins so; raise `StoreError` when there is none."""
    return store.run(text)


@kept(4)
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
