"""The two screens: which series are measured again tonight, and what needs no second look."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lab.nightly.seen import Seen, break_of, builds_at, drawn, seen_of
from lab.nightly.suspect import Suspect
from lab.records import BuildAt, Finding, Incident, Member, Night, Outcome, Screen, Series, Value
from lab.records.telling import number_of, percent
from lab.scenario.nights import Policy
from lab.stats.changes import Step, Trend, Unusual, find_steps, find_trend, tonight
from lab.stats.sample import Floats
from lab.store.history import RECENT, Past

LEAST_NIGHTS = 5
"""Fewest nights before a series is screened; with fewer, a new build is compared with the last one at once."""

NEAR = 3
"""Nights by which two sightings of one step may differ: the tolerance of `benchmarks/changes.py`."""

TRIES = 3
"""How often a step that could not be confirmed is measured again. A judgement."""

SETTLED = ("improved", "not reproduced", "not the build")
"""Outcomes after which the same step is not brought up again."""

MANY = 1000
"""From so many series on, both cores work. A judgement: starting a process takes as long as judging some 100."""


@dataclass(frozen=True)
class Screened:
    """Every figure of a night, what the screens pass on, and findings that need no second measurement."""

    values: tuple[Value, ...]
    suspects: tuple[Suspect, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Looked:
    """The statistics of a series, tonight included; indexes count from the first comparable night."""

    unusual: Unusual | None = None
    step: Step | None = None
    trend: Trend | None = None


@dataclass(frozen=True)
class Known:
    """The facts by which a night's figures are judged: past, incidents, thresholds, and each line's baseline.

    A baseline is what a build without history is compared with.
    """

    past: Past
    incidents: Sequence[Incident]
    policy: Policy
    baselines: Mapping[str, BuildAt]


def screened(values: Sequence[Value], known: Known, night: Night) -> Screened:
    """Screen the figures of a night; pure.

    A new build's figures are held against the last nights (`tonight`), and every series is searched for a new step
    (`steps`). A history begins again where its context changed or a known incident began.
    """
    of: dict[Series, list[tuple[Incident, Member]]] = {}
    for incident in known.incidents:
        for member in incident.members:
            of.setdefault(member.series, []).append((incident, member))
    seen = [seen_of(value, known.past, of.get(value.series, ())) for value in values]
    order = {(each.scenario, each.line, each.device): each for each in night.planned}
    settled = _settled(known.past)
    told: list[Value] = []
    suspects: list[Suspect] = []
    findings: list[Finding] = []
    for each, looked in zip(seen, _look(seen, known.policy), strict=True):
        series = each.value.series
        plan = order.get((series.scenario, series.line, series.device))
        found = _noticed(each, looked, known, night.date, settled.get(series, ()))
        if isinstance(found, Suspect) and plan is not None and plan.anchor:
            found = None  # somebody chose another anchor: a change of the device has the same build on both sides
        if found is not None:
            found = replace(found, history=drawn(each, known.past, night.date))
        value = replace(each.value, usual=each.usual(known.policy.nights), nights=each.many)
        if isinstance(found, Suspect):
            suspects.append(replace(found, value=value, priority=plan.priority if plan else len(order)))
        elif found is not None:
            findings.append(found)
            value = replace(value, outcome=found.outcome)
        elif each.known is not None:
            value = replace(value, outcome="known")
        elif each.many >= LEAST_NIGHTS:
            value = replace(value, outcome="no change seen")
        told.append(value)
    return Screened(tuple(told), tuple(suspects), tuple(findings))


def beyond(ratio: float, least: float) -> bool:
    """Return whether a change is at least a share, in either direction."""
    return abs(math.log(ratio)) >= math.log1p(least)


def _look(seen: Sequence[Seen], policy: Policy) -> Iterable[_Looked]:
    """Return the statistics of each series; with many of them, all cores work."""
    work = partial(_looked, policy=policy)
    arguments = [(each.nights, each.value.value, each.changed) for each in seen]
    if len(seen) < MANY:
        return [work(each) for each in arguments]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(work, arguments, chunksize=200))


def _looked(of: tuple[Floats, float, bool], *, policy: Policy) -> _Looked:
    nights, value, changed = of
    known = nights[np.isfinite(nights)]
    if len(known) < LEAST_NIGHTS:
        return _Looked()
    whole = [*nights.tolist(), value]
    steps = find_steps(whole)
    step = steps[-1] if steps and beyond(steps[-1].ratio, policy.least) else None
    level = nights[steps[-1].index :] if steps else nights  # the level that tonight is held against
    level = level[np.isfinite(level)]
    level = (level if len(level) >= LEAST_NIGHTS else known)[-policy.nights :]
    unusual = tonight([value], level.tolist(), share=policy.share) if changed else None
    if unusual is not None and (unusual.score < 1 or not beyond(unusual.ratio, policy.least / 2)):
        unusual = None  # half: a change of `least` is seen as less of it every other night
    trend = None if steps else find_trend(whole)
    return _Looked(unusual, step, trend if trend and beyond(trend.ratio, policy.least) else None)


def _noticed(
    seen: Seen, looked: _Looked, known: Known, date: str, settled: Sequence[_Sighting]
) -> Suspect | Finding | None:
    """Return what a screen noticed of a series; None for nothing. `settled` is as :func:`_settled` says."""
    value = seen.value
    plain = Suspect(
        value=value,
        screens=(),
        score=0.0,
        usual=seen.usual(known.policy.nights) or value.value,
        since=date,
        good=seen.last,
        bad=value.build,
        history=(),
    )
    worsens = looked.unusual is not None and _worse(value, looked.unusual.ratio)
    if seen.known is not None and not worsens and (back := _back(seen, seen.known)):
        return replace(plain, score=back, good=seen.known.good, known=seen.known)
    around = _new_step(seen, looked, known.past, date, settled)
    screens: list[Screen] = ["tonight"] if looked.unusual else []
    screens += ["steps"] if around else []
    if seen.many < LEAST_NIGHTS:
        return _without_history(plain, seen, known)
    if not screens:
        return _trend(plain, looked.trend, seen.many + 1) if looked.trend else None
    score = max(looked.unusual.score if looked.unusual else 0.0, 1.0)
    found = replace(plain, screens=tuple(screens), score=score)
    if seen.known is not None and not _worse(value, value.value / found.usual):  # as good as before the incident?
        return replace(found, good=seen.known.good, known=seen.known)
    return _stepped(found, *around, looked.step) if around and looked.step else found


def _new_step(
    seen: Seen, looked: _Looked, past: Past, date: str, settled: Sequence[_Sighting]
) -> tuple[BuildAt | None, BuildAt, str] | None:
    """Return the builds around a step that is new, and its night; None where there is none."""
    if looked.step is None:
        return None
    at = seen.start + looked.step.index
    good, bad, since = builds_at(seen, past, at, date)
    same = [each for each in settled if abs(each.at - at) <= NEAR and each.rises == (looked.step.ratio > 1)]
    done = any(each.settled and _last_night(seen, past, each.good) < at for each in same)
    old = len(past.dates) - at > RECENT or done or len(same) >= TRIES
    return None if old else (good, bad, since)


def _last_night(seen: Seen, past: Past, build: str) -> int:
    """Return the index of the last night on which a series was measured with a build; -1 for none."""
    codes = [i for i, each in enumerate(past.builds) if each.id == build]
    nights = np.flatnonzero(np.isin(seen.history.builds, codes))
    return int(nights[-1]) if len(nights) else -1


def _stepped(found: Suspect, good: BuildAt | None, bad: BuildAt, since: str, step: Step) -> Suspect | Finding:
    """Return a suspect whose history has a step; a finding if no build changed there."""
    found = replace(found, usual=step.before, good=good, bad=bad, since=since)
    if good is None or good.id in (bad.id, found.value.build.id):
        return _not_the_build(found, "the build is the same on both sides of the step")
    return found


def _without_history(plain: Suspect, seen: Seen, known: Known) -> Suspect | None:
    """Return a new build that there are too few nights to judge: it is compared with the last one at once.

    One of a known incident only if it is worse still.
    """
    value = seen.value
    good = seen.last if seen.last is not None else known.baselines.get(value.series.line)
    if good is None or good.id == value.build.id:
        return None
    if seen.known is not None:
        member = next(each for each in seen.known.members if each.series == value.series)
        further = value.value / (member.usual * member.change.estimate)
        if not (_worse(value, further) and beyond(further, known.policy.least)):
            return None
    words = f"{number_of(seen.many, 'night')} to judge by{break_of(seen, known.past)}"
    return replace(plain, good=good, breaks=words)


def _back(seen: Seen, known: Incident) -> float:
    """Return how near a member of an open incident is to its level before, from 0 (half-way or less) to 1."""
    member = next(each for each in known.members if each.series == seen.value.series)
    gone = math.log(seen.value.value / member.usual) / math.log(member.change.estimate)
    return 1.0 - gone if gone < 0.5 else 0.0


@dataclass(frozen=True)
class _Sighting:
    """A step as a night saw it: its index, the good build it was compared with, and its direction.

    It is settled if that comparison had an answer. This holds for a step only if the good build lies before it.
    """

    at: int
    good: str
    rises: bool
    settled: bool


def _settled(past: Past) -> Mapping[Series, Sequence[_Sighting]]:
    """Return series -> the steps that the last nights saw."""
    place = {date: i for i, date in enumerate(past.dates)}
    found: dict[Series, list[_Sighting]] = {}
    for night in past.recent:
        for each in night.findings:
            good, at = each.good.id if each.good else "", place.get(each.since, len(place))
            sighting = _Sighting(at, good, rises=each.value > each.usual, settled=each.outcome in SETTLED)
            found.setdefault(each.series, []).append(sighting)
    return found


def _not_the_build(found: Suspect, words: str) -> Finding:
    advice = "look at the device, its software and the lab: `lab devices`, `lab explain` of the night's run"
    return finding_of(found, "not the build", words, advice)


def _worse(value: Value, ratio: float) -> bool:
    """Return whether a ratio of a metric is a change for the worse."""
    return (ratio > 1) == (value.metric.better == "lower")


def _trend(found: Suspect, trend: Trend, nights: int) -> Finding | None:
    """Return a drift for the worse; None for one for the better."""
    if not _worse(found.value, trend.ratio):
        return None
    size = percent(abs(trend.ratio - 1))
    drift = f"it drifted by {size} for the worse over {number_of(nights, 'night')}"
    advice = "look at the device's temperature, battery and storage over these nights"
    return finding_of(found, "trend", f"{drift}; no single night did it", advice)


def finding_of(found: Suspect, outcome: Outcome, why: str, advice: str) -> Finding:
    """Return a suspect as a finding."""
    value = found.value
    return Finding(
        series=value.series,
        metric=value.metric,
        outcome=outcome,
        screens=found.screens,
        score=found.score,
        usual=found.usual,
        value=value.value,
        since=found.since,
        good=found.good,
        bad=found.bad,
        run=value.run,
        why=why,
        advice=advice,
        history=found.history,
    )
