"""The two screens: which series are measured again tonight, and what needs no second look."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lab.nightly.history import RECENT, Past
from lab.nightly.seen import Seen, break_of, builds_at, drawn, seen_of
from lab.nightly.suspect import Suspect
from lab.records import BuildAt, Finding, Incident, Night, Outcome, Screen, Series, Value
from lab.records.telling import number_of, percent
from lab.scenario.nights import Policy
from lab.stats.changes import Step, Trend, Unusual, find_steps, find_trend, tonight
from lab.stats.sample import Floats

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
    """What a night's figures are judged by: the past, incidents, thresholds, and the baseline of each line.

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
    seen = [seen_of(value, known.past, known.incidents) for value in values]
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
            found = _not_the_build(found, "the anchor is the same build every night")
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
    if np.isfinite(nights).sum() < LEAST_NIGHTS:
        return _Looked()
    whole = [*nights.tolist(), value]
    steps = find_steps(whole)
    step = steps[-1] if steps and beyond(steps[-1].ratio, policy.least) else None
    level = nights[steps[-1].index :] if steps else nights  # the level that tonight is held against
    unusual = tonight([value], level[-policy.nights :].tolist(), share=policy.share) if changed else None
    if unusual is not None and (unusual.score < 1 or not beyond(unusual.ratio, policy.least / 2)):
        unusual = None  # half: a change of `least` is seen as less of it every other night
    trend = None if steps else find_trend(whole)
    return _Looked(unusual, step, trend if trend and beyond(trend.ratio, policy.least) else None)


def _noticed(
    seen: Seen, looked: _Looked, known: Known, date: str, settled: Sequence[tuple[int, bool]]
) -> Suspect | Finding | None:
    """Return what a screen noticed of a series; None for nothing. `settled` is as :func:`_settled` says."""
    past, value = known.past, seen.value
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
    if seen.known is not None and (back := _back(seen, seen.known)):
        plain = replace(plain, score=back, good=seen.known.good, known=seen.known)
        return replace(plain, history=drawn(seen, past, date))
    if seen.many < LEAST_NIGHTS:
        return _without_history(plain, seen, known, date)
    at = seen.start + looked.step.index if looked.step else None
    if at is not None and (len(past.dates) - at > RECENT or _is_settled(at, settled)):
        at = None
    screens: list[Screen] = ["tonight"] if looked.unusual else []
    screens += ["steps"] if at is not None else []
    if not screens and not looked.trend:
        return None
    score = max(looked.unusual.score if looked.unusual else 0.0, 1.0)
    found = replace(plain, screens=tuple(screens), score=score, history=drawn(seen, past, date))
    if seen.known is not None and not _worse(found):  # on its way back: is it as good as before the incident?
        return replace(found, good=seen.known.good, known=seen.known)
    if at is not None and looked.step is not None:
        good, bad, since = builds_at(seen, past, at, date)
        found = replace(found, usual=looked.step.before, good=good, bad=bad, since=since)
        if good is None or good.id in (bad.id, value.build.id):
            return _not_the_build(found, "the build is the same on both sides of the step")
    return _trend(found, looked.trend) if looked.trend and not screens else found


def _without_history(plain: Suspect, seen: Seen, known: Known, date: str) -> Suspect | None:
    """Return a new build that there are too few nights to judge: it is compared with the last one at once."""
    good = seen.last if seen.last is not None else known.baselines.get(seen.value.series.line)
    if seen.known is not None or good is None or good.id == seen.value.build.id:
        return None
    words = f"{number_of(seen.many, 'night')} to judge by{break_of(seen, known.past)}"
    return replace(plain, good=good, breaks=words, history=drawn(seen, known.past, date))


def _back(seen: Seen, known: Incident) -> float:
    """Return how near a member of an open incident is to its level before, from 0 (half-way or less) to 1."""
    member = next(each for each in known.members if each.series == seen.value.series)
    gone = math.log(seen.value.value / member.usual) / math.log(member.change.estimate)
    return 1.0 - gone if gone < 0.5 else 0.0


def _settled(past: Past) -> Mapping[Series, Sequence[tuple[int, bool]]]:
    """Return series -> (index of the night of a step, whether it is settled) for the last nights' findings."""
    place = {date: i for i, date in enumerate(past.dates)}
    found: dict[Series, list[tuple[int, bool]]] = {}
    for night in past.recent:
        for finding in night.findings:
            at = place.get(finding.since, len(place))
            found.setdefault(finding.series, []).append((at, finding.outcome in SETTLED))
    return found


def _is_settled(at: int, settled: Sequence[tuple[int, bool]]) -> bool:
    near = [done for other, done in settled if abs(other - at) <= NEAR]
    return any(near) or len(near) >= TRIES


def _not_the_build(found: Suspect, words: str) -> Finding:
    advice = "look at the device, its software and the lab: `lab devices`, `lab explain` of the night's run"
    return finding_of(found, "not the build", words, advice)


def _worse(found: Suspect) -> bool:
    return (found.value.value > found.usual) == (found.value.metric.better == "lower")


def _trend(found: Suspect, trend: Trend) -> Finding | None:
    """Return a drift for the worse; None for one for the better."""
    worse = (trend.ratio > 1) == (found.value.metric.better == "lower")
    if not worse:
        return None
    size = percent(abs(trend.ratio - 1))
    drift = f"it drifted by {size} for the worse over {number_of(len(found.history), 'night')}"
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
