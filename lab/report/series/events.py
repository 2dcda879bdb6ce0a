"""What happened while series were measured: changes of their context, new builds, incidents. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.records import BuildAt, Incident, Series
from lab.report.series.points import by_nights, changes
from lab.report.wording import listing
from lab.store.history import Past


@dataclass(frozen=True)
class Happened:
    """Something that happened on a date, or at a build as ``r12``."""

    at: str
    words: str


def context_events(past: Past, series: Iterable[Series]) -> list[Happened]:
    """Return each change of a fact between two figures of a series, once a night for all devices it struck."""
    found: dict[tuple[str, str, str, str], dict[str, None]] = {}
    for each in series:
        known = [point for point in by_nights(past, each) if point.known]
        for before, after in pairwise(known):
            if before.context is after.context:
                continue
            for fact, ours, theirs in changes(before.context, after.context):
                found.setdefault((after.at, fact, ours, theirs), {})[each.device] = None
    return [
        Happened(at, f"{_devices(list(devices))}: {fact} {ours} -> {theirs}")
        for (at, fact, ours, theirs), devices in sorted(found.items())
    ]


def build_events(past: Past, series: Iterable[Series]) -> list[Happened]:
    """Return the first night of each build after the first of its line; those of one night together."""
    first: dict[BuildAt, str] = {}
    for each in series:
        for point in by_nights(past, each):
            if point.build is not None:
                first[point.build] = min(point.at, first.get(point.build, point.at))
    oldest: dict[str, str] = {}
    for build, at in first.items():
        oldest[build.line] = min(at, oldest.get(build.line, at))
    new: dict[str, list[str]] = {}
    for build, at in sorted(first.items(), key=lambda pair: (pair[1], pair[0].line, pair[0].revision)):
        if at != oldest[build.line]:
            new.setdefault(at, []).append(f"{build.line} r{build.revision}")
    return [Happened(at, f"new build: {listing(names)}") for at, names in new.items()]


def incident_events(incidents: Sequence[Incident], series: Iterable[Series]) -> list[Happened]:
    """Return when the incidents that have one of these series changed their state, oldest first."""
    shown, found = set(series), []
    for each in incidents:
        if not any(member.series in shown for member in each.members):
            continue
        state = ""
        for event in each.events:
            if event.state != state:
                words = "opened" if event.state == "new" else event.state
                builds = f"{each.line} r{each.good.revision}..r{each.bad.revision}"
                found.append(Happened(event.night or event.utc[:10], f"incident {words}: {builds}"))
            state = event.state
    return sorted(found, key=lambda each: each.at)


def incident_builds(incidents: Sequence[Incident], series: Iterable[Series]) -> list[Happened]:
    """Return the incidents that have one of these series, at the first bad build of each, as ``r12``."""
    shown = set(series)
    return [
        Happened(
            f"r{each.bad.revision}",
            f"incident {each.status}: {each.line} r{each.good.revision}..r{each.bad.revision}",
        )
        for each in incidents
        if any(member.series in shown for member in each.members)
    ]


def _devices(names: Sequence[str]) -> str:
    return listing(names) if len(names) < 3 else f"{len(names)} devices"
