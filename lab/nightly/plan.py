"""The plan of a night: what it measures where, in which order, and the builds it measures."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from lab.documents.tables import nearest
from lab.errors import DeviceError, ScenarioError
from lab.identifiers import new_run_id
from lab.nightly.coverage import missed, vanished
from lab.records import BuildAt, Night, Planned
from lab.run.benches import devices_of
from lab.scenario.nights import Nightly
from lab.scenario.suite import Suite, load_suite, read_suite, scenario_in
from lab.store import BuildRow, Store


def nightly_suite(path: Path) -> tuple[Suite, Nightly]:
    """Read a suite that can run each night; raises `ScenarioError`."""
    return _nightly(load_suite(path), path)


def suite_of(night: Night, folder: Path) -> tuple[Suite, Nightly]:
    """Read the suite of a night again, as it was when the night began; its scenarios lie in `folder`."""
    path = folder / f"{night.suite}.toml"
    return _nightly(read_suite(night.suite_toml, path), path)


def _nightly(suite: Suite, path: Path) -> tuple[Suite, Nightly]:
    if suite.nightly is None:
        raise ScenarioError(
            f"{path}: suite {suite.name} has no table [nightly], which names the lines to measure each night; "
            "scenarios/nightly.toml has one, docs/nightly.md lists its keys"
        )
    if suite.nightly.anchor in suite.nightly.lines:
        raise ScenarioError(
            f"{path}: [nightly] 'anchor' is {suite.nightly.anchor!r}, which is among 'lines' too: the anchor is "
            "the same build every night; name a line that gets no new builds, or leave the anchor out"
        )
    return suite, suite.nightly


def last_before(store: Store, suite: str, date: str) -> list[Night]:
    """Return the last finished night of a suite before a date, if there is one."""
    found = next((row.id for row in store.nights(suite, "finished") if row.date < date), None)
    return [store.night(found)] if found else []


def date_in(zone: str, utc: str) -> str:
    """Return the date of a moment (ISO 8601, UTC) in a time zone."""
    return datetime.fromisoformat(utc).astimezone(ZoneInfo(zone)).date().isoformat()


def planned_night(
    store: Store, path: Path, devices: Sequence[str], *, utc: str, minutes: float | None = None
) -> tuple[Night, dict[str, str]]:
    """Return a new night of the suite at `path`, not saved yet, and device -> why, for each that has vanished.

    What the last night measured on a device that is not there tonight is planned all the same: that it was not
    measured is part of the verdict. `minutes` (of measuring) overrides the suite's. Raises `ScenarioError` for
    lines without a build, and for scenarios and cells that do not exist.
    """
    suite, nightly = nightly_suite(path)
    for name in suite.scenarios:
        scenario_in(suite, name, path.parent)
    builds = _builds(store, nightly, path)
    order = [(name, line) for name in suite.scenarios for line in builds]
    planned = [
        Planned(name, line, device, priority, anchor=line == nightly.anchor)
        for priority, (name, line) in enumerate(order, start=1)
        for device in devices
    ]
    date = date_in(nightly.zone, utc)
    before = last_before(store, suite.name, date)
    gone = vanished(planned, before)
    night = Night(
        id=new_run_id(),
        started_utc=utc,
        ended_utc=None,
        status="running",
        suite=suite.name,
        date=date,
        zone=nightly.zone,
        seed=secrets.randbelow(2**31),
        budget_s=60 * (minutes or nightly.measure_minutes),
        confirm_s=60 * nightly.confirm_minutes,
        planned=(*planned, *gone),
        suite_toml=suite.toml,
        builds=builds,
        silent_after=suite.policy.silent,
        missed=missed(before, date),
    )
    return night, {each.device: "it was not attached tonight" for each in gone}


def _builds(store: Store, nightly: Nightly, path: Path) -> dict[str, BuildAt]:
    """Return the build of each line, the anchor's at the end; raises `ScenarioError` naming lines without one."""
    rows = store.builds()
    wanted = [*nightly.lines, *([nightly.anchor] if nightly.anchor else [])]
    known = dict.fromkeys(row.line for row in rows)
    if missing := [line for line in wanted if line not in known]:
        raise ScenarioError(
            f"{path}: [nightly] names the line{'s' * (len(missing) > 1)} {', '.join(missing)}, of which this data "
            f"root has no build; {nearest(missing[0], known)}known: {', '.join(known) or 'none'}; "
            f"`lab builds add FOLDER --line {missing[0]}` adds one"
        )
    return {line: _build([row for row in rows if row.line == line], line == nightly.anchor) for line in wanted}


def _build(rows: Sequence[BuildRow], anchor: bool) -> BuildAt:
    """Return the newest build of a line; of an anchor the baseline, else the first."""
    chosen = next((row for row in rows if row.baseline), rows[0]) if anchor else rows[-1]
    return BuildAt(chosen.id, chosen.line, chosen.revision)


def devices_named(store: Store, text: str, tell: Callable[[str], None]) -> tuple[list[str], dict[str, str]]:
    """Return the names of the devices that `text` names, and name -> why for those that cannot be used.

    Raises `DeviceRefused` if that is true of all.
    """
    names: dict[str, None] = {}
    away: dict[str, str] = {}
    first: DeviceError | None = None
    for word in filter(None, (part.strip() for part in text.split(","))):
        try:
            names |= dict.fromkeys(each.identity.name for each in devices_of(store, word, tell=tell))
        except DeviceError as error:
            first = first or error
            tell(f"left out: {word}: {str(error).splitlines()[0]}")
            if word != "all" and not word.startswith("soc:"):  # these name no device: what they miss has vanished
                names[word], away[word] = None, str(error).splitlines()[0]
    if first is not None and len(away) == len(names):
        raise first
    return list(names), away
