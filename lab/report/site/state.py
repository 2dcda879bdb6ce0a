"""The state of a lab, read from its store: devices, self-checks, and trials that did not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.device import health
from lab.errors import LabError, StoreError
from lab.records import Incident, Night, Run, SelfCheck, Spread, Tally, Value
from lab.report.last_seen import last_seen
from lab.report.rack import Reading, Standing, own_metric, rack_of
from lab.report.site.gather import Lost
from lab.report.trust import Trust, trust_of
from lab.scenario.load import heading_of
from lab.store import Store
from lab.store.kinds import newest_of_suites

NOISE_DAYS, COUNTED_DAYS = 7, 30
"""Days before the newest run over which noise is pooled, and trials are counted; as on the dashboard."""


@dataclass(frozen=True)
class State:
    """The devices, those that need a person first; self-checks and incidents, newest first; trials by reason.

    `quarantined` holds device -> why, now; `newest` is the id of the newest finished night. `counted` is False
    where the index could not count trials.
    """

    rack: tuple[Standing, ...]
    checks: tuple[SelfCheck, ...]
    incidents: tuple[Incident, ...]
    tallies: tuple[Tally, ...]
    quarantined: Mapping[str, str]
    newest: str
    counted: bool


def state_of(store: Store, lost: Lost) -> State:
    """Return the state of a lab; what cannot be read is left out, and `lost` is called."""
    groups = store.run_groups()
    newest = _newest(store, {each.device: "" for each in groups}, [(g.device, g.newest) for g in groups], lost)
    scenarios = _newest(store, {g.scenario: "" for g in groups}, [(g.scenario, g.newest) for g in groups], lost)
    book, damage = health.examined(store.root)
    if damage:
        lost("the book of failures", StoreError(damage))
    last = max((run.started_utc for run in newest.values()), default="")
    spreads, tallies, counted = _counts(store, last, _metrics(scenarios), lost)
    checks = store.selfchecks()
    finished = newest_of_suites(store.nights())
    return State(
        rack=rack_of(
            [night for each in finished if (night := _night(store, each, lost))],
            newest,
            devices={group.device for group in groups},
            checks=checks,
            book=book,
            spreads=spreads,
            tallies=tallies,
            readings=_readings(store, newest),
        ),
        checks=tuple(checks),
        incidents=tuple(store.incidents()),
        tallies=tuple(tallies),
        quarantined={name: words for name, each in book.items() if (words := each.quarantine)},
        newest=finished[0] if finished else "",
        counted=counted,
    )


def trust_in(store: Store, state: State, night: Night, values: Sequence[Value]) -> Trust:
    """Return the reasons to trust a night, and those to doubt it."""
    try:
        tallies = store.tallies(night.started_utc, night.ended_utc)
    except StoreError:
        tallies = []
    return trust_of(
        night,
        values,
        checks=state.checks,
        incidents=state.incidents,
        quarantined=state.quarantined if night.id == state.newest else {},
        tallies=tallies,
    )


def _newest(store: Store, ids: dict[str, str], pairs: Sequence[tuple[str, str]], lost: Lost) -> dict[str, Run]:
    """Return the newest run of each name in `pairs` of names and ids; ids sort by time."""
    for name, run_id in pairs:
        ids[name] = max(ids[name], run_id)
    found: dict[str, Run] = {}
    for name, run_id in ids.items():
        try:
            found[name] = store.run(run_id)
        except LabError as error:
            lost(f"run {run_id}", error)
    return found


def _metrics(scenarios: Mapping[str, Run]) -> dict[str, str]:
    """Return scenario -> the metric that it answers by; one of another version of pocketlab is left out."""
    found: dict[str, str] = {}
    for name, run in scenarios.items():
        try:
            found[name] = heading_of(run).metric
        except LabError:
            continue
    return found


def _counts(
    store: Store, last: str, metrics: Mapping[str, str], lost: Lost
) -> tuple[list[Spread], list[Tally], bool]:
    """Return the noise and the counts of the days before the newest run, and whether the index knew them."""
    if not last:
        return [], [], True
    end = datetime.fromisoformat(last)
    try:
        spreads = store.spreads((end - timedelta(days=NOISE_DAYS)).isoformat())
        return (
            own_metric(spreads, metrics),
            store.tallies((end - timedelta(days=COUNTED_DAYS)).isoformat()),
            True,
        )
    except StoreError as error:
        lost("noise and lost trials", error)
        return [], [], False


def _night(store: Store, night_id: str, lost: Lost) -> Night | None:
    try:
        return store.night(night_id)
    except LabError as error:
        lost(f"night {night_id}", error)
        return None


def _readings(store: Store, newest: Mapping[str, Run]) -> dict[str, Reading]:
    """Return what sensors said in the newest run of each device, where it has a reading."""
    found: dict[str, Reading] = {}
    for device, run in newest.items():
        try:
            reading = last_seen(store.root, run)
        except StoreError:
            continue
        if reading is not None:
            found[device] = reading
    return found
