"""Devices and the lab's own record: health, noise, lost trials, self-checks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import streamlit as st

from dashboards.data.comparisons import comparisons
from dashboards.data.incidents import incidents
from dashboards.data.nights import night, night_view, nights, past
from dashboards.data.runs import run_groups
from dashboards.data.source import kept, root, store
from lab.compare.newest import newest_that_judged
from lab.device import health, roster
from lab.device.adb.server import Server
from lab.device.addresses import addresses
from lab.device.care.restore import changed_elsewhere
from lab.device.health import Health
from lab.device.roster import Entry
from lab.errors import LabError, StoreError
from lab.records import (
    Night,
    Run,
    SelfCheck,
    Series,
    Spread,
    Tally,
)
from lab.report.last_seen import last_seen
from lab.report.night.view import KIND
from lab.report.quality import Noise, Sum, noises_of, sum_of
from lab.report.rack import UNKNOWN, Reading, Standing, own_metric, rack_of
from lab.report.steady import Nights
from lab.report.trust import Trust, trust_of
from lab.scenario.load import heading_of
from lab.store import Store
from lab.store.history import KEPT, Past
from lab.store.kinds import RunRow, newest_of_suites
from lab.trial.metrics import METRICS

log = logging.getLogger(__name__)

Found = TypeVar("Found")

RACK_DAYS, COUNTED_DAYS = 7, 30
"""Days over which the noise of devices is pooled, and over which trials are counted."""

READ_RUNS, READ_OF_DEVICE = 100, 3
"""Newest runs in all, and of a device, that are searched for a reading of its sensors; more would take long."""


def trust(night_id: str) -> Trust:
    """Return whether a night can be trusted, and why; raise `StoreError` when there is no such night."""
    view = night_view(night_id)
    newest = next((each.id for each in nights() if each.status == "finished"), None)
    book = health_book()[0] if view.night.id == newest else {}
    return trust_of(
        view.night,
        view.values,
        checks=selfchecks(),
        incidents=incidents(),
        quarantined={name: words for name, each in book.items() if (words := each.quarantine)},
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

    It is read each time: the book is no part of the data's version.
    """
    return health.examined(root())


def rack() -> tuple[Standing, ...]:
    """Return every device that the store knows, those that need a person first."""
    return rack_of(
        newest_nights(),
        newest_runs(),
        devices={each.device for each in run_groups()},
        checks=selfchecks(),
        book=health_book()[0],
        spreads=spreads(RACK_DAYS),
        tallies=tallies(days_back(COUNTED_DAYS)),
        readings=readings(),
    )


@kept(1)
def newest_nights(store: Store) -> list[Night]:
    """Return the newest finished night of each suite, newest first; a damaged one is left out with a warning."""
    return [found for _, found in _readable({each: each for each in newest_of_suites(store.nights())}, night)]


@kept(1)
def newest_runs(store: Store) -> dict[str, Run]:
    """Return the newest run of each device; a damaged one is left out with a warning. Ids sort by time."""
    ids: dict[str, str] = {}
    for each in store.run_groups():
        ids[each.device] = max(each.newest, ids.get(each.device, ""))
    return dict(_readable(ids, store.run))


@kept(1)
def metrics(store: Store) -> dict[str, str]:
    """Return scenario -> the metric that it answers by, as the newest run of each says."""
    ids: dict[str, str] = {}
    for each in store.run_groups():
        ids[each.scenario] = max(each.newest, ids.get(each.scenario, ""))
    found: dict[str, str] = {}
    for name, run in _readable(ids, store.run):
        with suppress(LabError):  # a scenario of another version
            found[name] = heading_of(run).metric
    return found


def _readable(ids: Mapping[str, str], read: Callable[[str], Found]) -> Iterator[tuple[str, Found]]:
    for name, record_id in ids.items():
        try:
            yield name, read(record_id)
        except StoreError as error:
            log.warning("left out: %s", error)


@kept(1)
def readings(store: Store) -> dict[str, Reading]:
    """Return what sensors of each device said in its newest runs, of those that have a reading."""
    ids = [each.id for each in store.run_rows(READ_RUNS)]
    newest = [*newest_runs().values(), *(run for _, run in _readable({each: each for each in ids}, store.run))]
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
    found = []
    for night_id in finished[:most]:
        try:
            found.append(_night_sum(root(), night_id))
        except StoreError as error:  # what failed is not kept: the night may be restored
            log.warning("left out: %s", error)
    return found


@st.cache_resource(show_spinner=False, max_entries=400)
def _night_sum(place: Path, night_id: str) -> Sum:
    """Return the counts of a finished night, which change no more; a whole one is megabytes, and is not kept."""
    return sum_of(store().night(night_id))


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
