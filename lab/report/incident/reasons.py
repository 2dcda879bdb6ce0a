"""What speaks for an incident being real, what against, what is unknown: from records alone. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Literal

from lab.records import Finding, Interval
from lab.report.incident.around import around
from lab.report.incident.confirmed import Confirmed
from lab.report.incident.known import Known, Reason
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


def reasons(known: Known) -> tuple[Reason, ...]:
    """Return every reason that the records give, those for it first."""
    topics = (_pairs, _steps, _stages, _back, _starts, _near, _uneven, around, _missing)
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
