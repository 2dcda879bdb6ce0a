"""From a saved incident to its view: the nights, comparisons, trials and self-checks behind it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from lab.compare.newest import newest_that_judged
from lab.errors import ScenarioError, StoreError
from lab.records import Comparison, Finding, Incident, Member, Night, Run, Trial, Value, Vitals
from lab.report.evidence import gate_opened
from lab.report.incident.confirmed import Confirmed, Place, confirmed
from lab.report.incident.known import Known
from lab.report.incident.view import View, incident_view, worst_first
from lab.scenario.load import read
from lab.store import Store

log = logging.getLogger(__name__)

Sides = tuple[Comparison, list[tuple[Run, list[Trial]]], Mapping[Place, Vitals], int]
"""A comparison, its two runs with their trials, the readings that opened their gates, the scenario's cells."""


def view_of(store: Store, incident: Incident) -> View:
    """Return the view of a saved incident; evidence that is gone or damaged is named in it as unknown."""
    members = worst_first(incident)
    nights = _nights(store, incident, members[0])
    read_once: dict[str, Sides | str] = {}
    series = tuple(_confirmed(store, each, _finding(nights, each), read_once) for each in members)
    devices = dict.fromkeys(each.series.device for each in members)
    return incident_view(
        Known(
            incident=incident,
            series=series,
            nights=nights,
            values=tuple(_values(store, nights)),
            checks={each: newest_that_judged(store.selfchecks(each)) for each in devices},
        )
    )


def _nights(store: Store, incident: Incident, worst: Member) -> tuple[Night, ...]:
    """Return the nights that found its series, the one that found the worst of them first.

    A night adds an event to an incident whenever it adds a series, so these are nights of its events.
    """
    dates = {event.night for event in incident.events}
    found = []
    for row in store.nights():
        if row.date not in dates:
            continue
        try:
            night = store.night(row.id)
        except StoreError as error:
            log.warning("left out: %s", error)
            continue
        if any(each.incident == incident.id for each in night.findings):
            found.append(night)
    return tuple(sorted(found, key=lambda night: (_finding((night,), worst) is None, night.date)))


def _finding(nights: Sequence[Night], member: Member) -> Finding | None:
    """Return what a night said of a series when its comparison confirmed it."""
    every = (each for night in nights for each in night.findings if each.series == member.series)
    return next((each for each in every if each.comparison == member.comparison), None)


def _values(store: Store, nights: Sequence[Night]) -> Sequence[Value]:
    try:
        return store.values(nights[0].id) if nights else []
    except StoreError as error:
        log.warning("left out: %s", error)
        return []


def _confirmed(
    store: Store, member: Member, finding: Finding | None, read_once: dict[str, Sides | str]
) -> Confirmed:
    if member.comparison not in read_once:
        try:
            read_once[member.comparison] = _sides(store, member.comparison)
        except StoreError as error:
            read_once[member.comparison] = f"the comparison that confirmed it could not be read: {error}"
    found = read_once[member.comparison]
    if isinstance(found, str):
        return Confirmed(member, finding, missing=found)
    comparison, sides, starts, cells = found
    return confirmed(member, finding, comparison, sides=sides, starts=starts, cells=cells)


def _sides(store: Store, text: str) -> Sides:
    """Read a comparison and its runs; raise `StoreError`."""
    comparison = store.comparison(text)
    runs = [store.run(each) for each in (comparison.baseline_run, comparison.candidate_run)]
    sides = [(run, store.trials(run.id)) for run in runs]
    starts = {
        (run.id, trial.number): start
        for run, trials in sides
        for trial in trials
        if (start := gate_opened(store.trials_folder(run.id) / f"{trial.number:04d}")) is not None
    }
    return comparison, sides, starts, _cells(runs[0])


def _cells(run: Run) -> int:
    """Return how many cells a run's scenario has; 0 where its copy cannot be read."""
    try:
        return len(read(run.scenario_toml, run.scenario, at=f"the scenario of run {run.id}").cells)
    except ScenarioError:
        return 0
