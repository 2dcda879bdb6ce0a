"""The past of one series, as far as tonight may be compared with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.records import OPEN, BuildAt, Incident, Member, Point, Value
from lab.stats.sample import Floats
from lab.store.history import History, Past

DRAWN = 60
"""Nights of history that a report draws. A judgement."""


@dataclass(frozen=True)
class Seen:
    """One series: tonight's figure and its past, which is comparable from night `start` on.

    `figures` is NaN for nights without a figure and for those that a fixed incident spoilt. `last` is the build
    of the last night with a figure, `known` the open incident that the series belongs to.
    """

    value: Value
    history: History
    figures: Floats
    start: int
    last: BuildAt | None
    known: Incident | None

    @property
    def nights(self) -> Floats:
        """The comparable nights before tonight."""
        return self.figures[self.start :]

    @property
    def many(self) -> int:
        """How many of them have a figure."""
        return int(np.isfinite(self.nights).sum())

    @property
    def changed(self) -> bool:
        """True if tonight's build is another one than that of the last night."""
        return self.last is not None and self.last.id != self.value.build.id

    def usual(self, nights: int) -> float | None:
        """Return the level of the last comparable nights; before a break where there is none."""
        known = self.nights[np.isfinite(self.nights)]
        known = known if len(known) else self.figures[np.isfinite(self.figures)]
        return float(np.median(known[-nights:])) if len(known) else None


def seen_of(value: Value, past: Past, of_incidents: Sequence[tuple[Incident, Member]] = ()) -> Seen:
    """Return a series with the part of its past that tonight may be compared with.

    `of_incidents` are the incidents that it is a member of, the newest first.
    """
    history = past.series.get(value.series) or _nothing(len(past.dates))
    here = past.context_codes.get(frozenset(value.context.items()), -2)
    other = np.flatnonzero((history.contexts != here) & (history.contexts >= 0))
    start = int(other[-1]) + 1 if len(other) else 0
    figures, dates, known = history.values.copy(), np.array(past.dates), None
    for incident, member in of_incidents:
        for begun, ended in _spoilt(incident, member):
            figures[(dates >= begun) & (dates < ended)] = np.nan
        if incident.status in (*OPEN, "expected") and not member.back:
            start = max(start, int(np.searchsorted(dates, incident.began)))
            known = known or (incident if incident.status in OPEN else None)  # the newest comes first
    builds = history.builds[history.builds >= 0]
    last = past.builds[int(builds[-1])] if len(builds) else None
    return Seen(value, history, figures, start, last, known)


def _spoilt(incident: Incident, member: Member) -> Iterator[tuple[str, str]]:
    """Yield the stretches of nights (first, and the first good one after) in which an incident spoilt a series."""
    if incident.status == "invalid":
        return
    begun, last = incident.night, ""
    for event in incident.events:
        if begun and (event.state == "fixed" or (member.back and member.back in event.note)):
            yield begun, event.night
            begun = ""
        elif event.state == "back" != last:
            begun = begun or event.night
        last = event.state


def _nothing(nights: int) -> History:
    none, unknown = np.full(nights, np.nan), np.full(nights, -1, dtype=np.int32)
    return History(none, none, unknown, unknown)


def builds_at(seen: Seen, past: Past, at: int, date: str) -> tuple[BuildAt | None, BuildAt, str]:
    """Return the last build before a step, the first on its new level, and that night's date."""
    builds = seen.history.builds
    before, after = builds[:at][builds[:at] >= 0], np.flatnonzero(builds[at:] >= 0)
    good = past.builds[int(before[-1])] if len(before) else None
    if not len(after):
        return good, seen.value.build, date
    first = at + int(after[0])
    return good, past.builds[int(builds[first])], past.dates[first]


def break_of(seen: Seen, past: Past) -> str:
    """Return what broke the history off, as the end of a sentence."""
    if not 0 < seen.start <= len(past.dates):
        return ""
    code = int(seen.history.contexts[seen.start - 1])
    changed = _changed_facts(past.contexts[code], seen.value.context) if code >= 0 else ""
    return f" since {changed} changed" if changed else ""


def _changed_facts(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return " and ".join(names)


def drawn(seen: Seen, past: Past, date: str) -> tuple[Point, ...]:
    """Return the last nights of a series for a picture, tonight at the end; all of them, comparable or not."""
    points: list[Point] = []
    context: Mapping[str, str] | None = None
    history = seen.history
    for i in range(max(0, len(past.dates) - DRAWN), len(past.dates)):
        if not math.isfinite(history.values[i]):
            continue
        now = past.contexts[int(history.contexts[i])]
        event = f"{_changed_facts(context, now)} changed" if context is not None and now != context else ""
        build = past.builds[int(history.builds[i])].id[:8]
        points.append(Point(past.dates[i], float(history.values[i]), build, event))
        context = now
    now = seen.value.context
    event = f"{_changed_facts(context, now)} changed" if context is not None and now != context else ""
    return (*points, Point(date, seen.value.value, seen.value.build.id[:8], event))
