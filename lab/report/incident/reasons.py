"""What speaks for an incident being real, what against, what is unknown: from records alone. Pure: no I/O."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from lab.records import CHANGED, Finding, Incident, Interval, Night, SelfCheck, Value
from lab.report.incident.confirmed import Confirmed
from lab.report.night.said import change_words, from_to, named, names, what
from lab.report.wording import capital, number_of, percent, plain, quantity
from lab.trial.metrics import METRICS

NEAR = 0.01
"""An interval whose near end is a change of less than this nearly holds "no change". A judgement."""

ALIKE_CELSIUS = 1.0
"""Starts that differ by less than this are alike: the coarsest step of a phone's sensors (`lab.device.vitals`)."""

SUMS = (0.5, 1.5)
"""The stages that moved sum up to a change if they make this share of it; a judgement: stages may overlap."""

NEIGHBOURS = 0.05
"""Neighbouring pairs are more alike than chance makes them below this p. By convention."""

_VISION = ("tile_s", "patch_embed_s", "vit_s", "project_s")
_PARTS: Mapping[str, tuple[str, ...]] = {"encode_s": _VISION, "first_token_s": (*_VISION, "prefill_s")}
"""Metric that is a sum -> the stages it sums."""


@dataclass(frozen=True)
class Reason:
    """A sentence that speaks for the incident being real, against that, or says what is unknown."""

    side: Literal["for", "against", "unknown"]
    words: str


@dataclass(frozen=True)
class Known:
    """Everything that a store knows of an incident: its series, the worst first, and the nights that found them.

    `values` are the figures of the first of `nights`, in which the worst series was found. `checks` holds the
    newest self-check of each device that judged anything; None for a device without one.
    """

    incident: Incident
    series: tuple[Confirmed, ...]
    nights: tuple[Night, ...] = ()
    values: tuple[Value, ...] = ()
    checks: Mapping[str, SelfCheck | None] | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices on which series got worse."""
        return tuple(sorted({each.member.series.device for each in self.series}))


def reasons(known: Known) -> tuple[Reason, ...]:
    """Return every reason that the records give, those for it first."""
    topics = (_pairs, _steps, _devices, _stages, _back, _starts, _checks, _near, _uneven, _nights, _missing)
    found = [Reason(each.side, plain(each.words)) for topic in topics for each in topic(known)]
    order = ("for", "against", "unknown")
    return tuple(sorted(found, key=lambda reason: order.index(reason.side)))


def _pairs(known: Known) -> Iterator[Reason]:
    """Count the pairs behind the changes."""
    changes = [each.member.change for each in known.series]
    sure = sum(_near_end(each) > 0 for each in changes)
    on = number_of(len(known.devices), "device")
    yield Reason(
        "for",
        f"Confirmed in {number_of(sum(each.n for each in changes), 'pair')} on {on}, measured in turn with the "
        f"good build; the whole interval is a change for the worse in {sure} of {len(changes)} series.",
    )


def _steps(known: Known) -> Iterator[Reason]:
    """Say where the step over nights lies in the interval of the pairs, and where not."""
    found = [each.finding for each in known.series if each.finding and each.finding.usual > 0]
    within = [each for each in found if _holds(each)]
    if within:
        yield Reason(
            "for",
            f"The step and the confirmation agree in {len(within)} of {len(found)} series: the night's figure "
            "over the usual one lies in the interval of the pairs.",
        )
    outside = [each for each in found if not _holds(each)]
    if outside:
        worst = max(outside, key=lambda each: abs(each.value / each.usual - each.ratio))
        change = worst.verdict.change if worst.verdict else None
        pairs = change_words(change, worst.metric) if change else "nothing"
        yield Reason(
            "against",
            f"In {len(outside)} of {len(found)} series the night's figure moved by more or less than the pairs "
            f"show, so something besides the build may have moved it: {_name(worst)} went "
            f"{from_to(worst.usual, worst.value, worst.metric)}, and the pairs show {pairs}.",
        )


def _holds(found: Finding) -> bool:
    change, step = found.verdict.change if found.verdict else None, found.value / found.usual
    return (
        change is not None
        and change.low is not None
        and change.high is not None
        and (change.low <= step <= change.high)
    )


def _devices(known: Known) -> Iterator[Reason]:
    """Compare with the other devices that measured the worst series the same night."""
    worst = known.series[0].member.series
    same = [v for v in known.values if (v.series.scenario, v.series.cell, v.series.line, v.series.metric)
            == (worst.scenario, worst.cell, worst.line, worst.metric)]  # fmt: skip
    own = {each.member.series for each in known.series}
    others = [each for each in same if each.series not in own]
    told = what(worst, known.series[0].member.metric)
    hit = len(same) - len(others)
    if others:
        listed = names([f"{each.series.device} ({each.outcome})" for each in others])
        yield Reason("against", f"Measured the same night and not worse in {told}: {listed}.")
    if hit > 1:
        yield Reason("for", f"Of {len(same)} devices that measured {told} that night, {hit} got worse.")
    elif len(same) == 1:
        yield Reason("against", f"Only {named(worst.device)} measures {told}: no second device can confirm it.")


def _stages(known: Known) -> Iterator[Reason]:
    """Say what share of a change the stages that moved make."""
    for each in known.series:
        metric = each.member.metric
        parts = [moved for moved in each.moved if moved.stage in _PARTS.get(metric.name, ())]
        if not parts or not each.pairs:
            continue
        whole = median(pair.bad for pair in each.pairs) - median(pair.good for pair in each.pairs)
        stages = sum(moved.bad_s - moved.good_s for moved in parts)
        if whole == 0:
            continue
        labels = names([METRICS[moved.stage].label for moved in parts])
        share = stages / whole
        side: Literal["for", "against"] = "for" if SUMS[0] <= share <= SUMS[1] else "against"
        yield Reason(
            side,
            f"The stages that moved make {percent(share)} of the change of {_place(each)}: {labels} "
            f"{_more(stages)}, {metric.label} {_more(whole)}.",
        )
        return  # the worst series with stages stands for the others


def _more(seconds: float) -> str:
    return f"{'+' if seconds >= 0 else '-'}{quantity(abs(seconds), 's')}"


def _back(known: Known) -> Iterator[Reason]:
    """Count the series that came back with a later build."""
    back = sum(bool(each.back) for each in known.incident.members)
    if back:
        yield Reason("for", f"{back} of {len(known.incident.members)} series came back with a later build.")


def _starts(known: Known) -> Iterator[Reason]:
    """Compare the start temperatures of both sides."""
    alike = []
    for each in known.series:
        both = [
            (good, bad)
            for good, bad in (pair.celsius for pair in each.pairs)
            if good is not None and bad is not None
        ]
        if not both:
            continue
        by = median(bad - good for good, bad in both)
        if abs(by) < ALIKE_CELSIUS:
            alike.append(by)
            continue
        warmer = "warmer" if by > 0 else "cooler"
        yield Reason(
            "against" if by > 0 else "for",
            f"The bad build began {abs(by):.1f} °C {warmer} ({each.sensor}, median of "
            f"{number_of(len(both), 'pair')}): {_place(each)}.",
        )
    if alike:
        yield Reason(
            "for",
            f"Both sides began equally warm in {len(alike)} of {len(known.series)} series: they differ by "
            f"{max(map(abs, alike)):.1f} °C at most.",
        )
    without = [each for each in known.series if each.pairs and not each.sensor]
    if without:
        devices = list(dict.fromkeys(each.member.series.device for each in without))
        yield Reason("unknown", f"No temperature was recorded at the start of the trials on {names(devices)}.")


def _checks(known: Known) -> Iterator[Reason]:
    """Say how often each device's own self-check alarmed though nothing had changed."""
    checks = known.checks or {}
    without = [device for device in known.devices if checks.get(device) is None]
    if without:
        yield Reason(
            "against",
            f"No self-check of {names(without)}: how often a verdict is false there was never measured "
            f"(`{shlex.join(['lab', 'selfcheck', '--device', without[0]])}`).",
        )
    for device, check in checks.items():
        if check is None:
            continue
        alike = [each.found.verdict for each in check.live if each.slow_down == 1]
        alarms = sum(verdict in CHANGED for verdict in alike)
        yield Reason(
            "against" if alarms else "for",
            f"{named(device)} checked itself on {check.started_utc[:10]}: {alarms} of "
            f"{number_of(len(alike), 'comparison')} of a build with itself alarmed.",
        )


def _near(known: Known) -> Iterator[Reason]:
    """Name the series whose interval nearly holds "no change"."""
    near = [each for each in known.series if 0 < _near_end(each.member.change) < NEAR]
    if near:
        worst = min(near, key=lambda each: _near_end(each.member.change))
        yield Reason(
            "against",
            f"The interval almost reaches no change in {len(near)} of {len(known.series)} series: "
            f"{_place(worst)} is {change_words(worst.member.change, worst.member.metric)}.",
        )


def _near_end(change: Interval) -> float:
    """Return the distance from 1 of the interval's near end; 0 for an interval that holds 1, or none."""
    if change.low is None or change.high is None or change.low <= 1 <= change.high:
        return 0.0
    return min(abs(change.low - 1), abs(change.high - 1))


def _uneven(known: Known) -> Iterator[Reason]:
    """Name what the comparison itself found odd: sides that lost different shares, neighbours alike."""
    for each in known.series:
        verdict = each.finding.verdict if each.finding else None
        if verdict is None:
            continue
        if verdict.missing is not None:
            lost = verdict.missing.baseline.lost, verdict.missing.candidate.lost
            yield Reason(
                "against",
                f"The sides lost different shares of their trials, {lost[0]} of the good build's and {lost[1]} of "
                f"the bad one's: {_place(each)}.",
            )
        if verdict.serial_p < NEIGHBOURS:
            yield Reason(
                "against",
                f"Neighbouring pairs are more alike than by chance (p {verdict.serial_p:.2g}), so something "
                f"drifted while they were measured: {_place(each)}.",
            )


def _nights(known: Known) -> Iterator[Reason]:
    """Name what else was going on in the nights that found it, on the same devices."""
    for night in known.nights:
        on = [each for each in night.findings if each.series.device in known.devices]
        if night.noisy:
            yield Reason(
                "against", f"The night of {night.date} was noisy: most of its new suspects did not confirm."
            )
        drifting = _of(on, "trend")
        if drifting:
            yield Reason(
                "against", f"Drifting slowly that night, whatever the build: series on {names(drifting)}."
            )
        if elsewhere := _of(on, "not the build"):
            yield Reason(
                "against",
                f"Other series changed that night though their build did not, on {names(elsewhere)}: look at the "
                "device, its software or the lab.",
            )
    events: dict[str, list[str]] = {}
    for each in known.series:
        for point in each.finding.history if each.finding else ():
            if each.finding and point.event and point.date == each.finding.since:
                events.setdefault(f"{point.event} ({point.date})", []).append(each.member.series.device)
    for event, devices in events.items():
        yield Reason("against", f"The same night {event} on {names(list(dict.fromkeys(devices)))}.")


def _of(found: Sequence[Finding], outcome: str) -> list[str]:
    """Return the devices on which findings have an outcome."""
    return list(dict.fromkeys(each.series.device for each in found if each.outcome == outcome))


def _missing(known: Known) -> Iterator[Reason]:
    """Name the evidence that could not be read."""
    for words in dict.fromkeys(each.missing for each in known.series if each.missing):
        yield Reason("unknown", f"{capital(words.rstrip('.'))}.")
    without = [each for each in known.series if each.finding is None]
    if without:
        yield Reason(
            "unknown",
            f"No night of this data root tells how it found {len(without)} of {len(known.series)} series.",
        )


def _name(found: Finding) -> str:
    return f"{what(found.series, found.metric)} on {named(found.series.device)}"


def _place(each: Confirmed) -> str:
    return f"{what(each.member.series, each.member.metric)} on {named(each.member.series.device)}"
