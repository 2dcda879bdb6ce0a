"""A night in words: the one view that every format draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.identifiers import seconds
from lab.records import OPEN, OUTCOMES, Finding, Gap, Night, Outcome, Value
from lab.report.night.said import Item, named, names, of_across, of_finding, of_gaps, of_incident
from lab.report.wording import KINDS, capital, listing, number_of

Tone = Literal["worse", "none", "better"]

Part = tuple[str, str, Tone, tuple[Outcome, ...]]

PARTS: tuple[Part, ...] = (
    ("regressed", "Regressed", "worse", ("regressed",)),
    ("suspected", "Suspected", "none", ("suspected",)),
    ("undecided", "Cannot tell, or not reproduced", "none", ("cannot tell", "not reproduced")),
    ("not-the-build", "Not the build", "none", ("not the build",)),
    ("trends", "Trends", "none", ("trend",)),
    ("improved", "Improved", "better", ("improved",)),
)
"""The sections of findings: key, title, tone, and the outcomes they list."""

UNCONFIRMED: tuple[Outcome, ...] = ("suspected", "cannot tell", "not reproduced")
"""Outcomes of suspects that did not confirm: a noisy night does not list them."""

_SAID: Mapping[Outcome, str] = {
    "trend": "drifting",
    "not the build": "changed but not by the build",
    "known": "still at the level of an open incident",
    "no change seen": "unchanged",
    "no history": "with too few nights to judge",
}
"""Outcome -> how a sentence says it after a number, where its own name reads badly."""

KIND = "device kind"
"""The fact of a figure's context that says what its device is."""

DEMO = "Demonstration: no figure here says anything about a product."


@dataclass(frozen=True)
class Section:
    """A part of the report: `key` names it for programs and links, `note` says what its title means."""

    key: str
    title: str
    tone: Tone
    note: str
    items: tuple[Item, ...]

    def first(self, most: int, rest: str = "report.html") -> tuple[tuple[Item, ...], str]:
        """Return at most so many items, and a sentence about those left out; `rest` is the file that has them."""
        more = len(self.items) - most
        return self.items[:most], f"{more} more: see {rest}" if more > 0 else ""


@dataclass(frozen=True)
class View:
    """A night with everything to print of it; empty sections are left out.

    `marks` must be read with every figure: a demonstration, a noisy or cut night, silent devices. `tally` holds
    (outcome, number of series), worst first.
    """

    night: Night
    values: tuple[Value, ...]
    title: str
    subject: str
    verdict: str
    marks: tuple[str, ...]
    tally: tuple[tuple[Outcome, int], ...]
    sections: tuple[Section, ...]
    method: tuple[str, ...]


def view_of(night: Night, values: Sequence[Value]) -> View:
    """Return everything to print of a night whose series have these figures. Pure: no I/O."""
    mark = "demonstration, " if night.demo else ""
    return View(
        night=night,
        values=tuple(values),
        title=f"Night of {named(night.date)}, {mark}{named(night.suite)}",
        subject=_subject(night, values),
        verdict=_verdict(night, values),
        marks=tuple(_marks(night)),
        tally=tuple((outcome, night.counts[outcome]) for outcome in OUTCOMES if night.counts.get(outcome)),
        sections=tuple(
            each for each in _sections(night, values) if each.items or each.note.startswith("Not listed")
        ),
        method=tuple(_method(night, values)),
    )


def incidents_of(night: Night) -> int:
    """Return the number of causes of tonight's regressions."""
    return len({each.incident for each in night.findings if each.outcome == "regressed" and each.incident})


def _verdict(night: Night, values: Sequence[Value]) -> str:
    """Return the first line: what got worse, how much was analysed, and who was silent."""
    left_out = ("regressed", "no change seen", "no history", *(UNCONFIRMED if night.noisy else ()))
    others = [_count(night, each) for each in OUTCOMES if each not in left_out]
    others += [f"a noisy night: {_noise(night)}"] if night.noisy else []
    more = ", ".join(filter(None, others))
    return f"{_worst(night)}{f'; {more}' if more else ''}. {_analysed(night, values)}."


def _worst(night: Night) -> str:
    if not night.analysed:
        return "Nothing was measured"
    if night.analysed == night.counts.get("no history", 0):
        return "Too early to judge: no series has enough nights yet"
    regressed, causes = night.counts.get("regressed", 0), incidents_of(night)
    if regressed:
        of = f"{number_of(causes, 'incident')}: " if causes else ""
        return f"{of}{regressed} series regressed"
    return "No regression confirmed" if night.noisy or night.counts.get("suspected") else "No regression"


def _analysed(night: Night, values: Sequence[Value]) -> str:
    few = night.counts.get("no history", 0)
    silent, rest = _silent(night, values)
    parts = [
        f"{night.analysed} series analysed" if night.analysed else "",
        f"{few} of them {_SAID['no history']}" if 0 < few < night.analysed else "",
        f"{number_of(len(night.gaps), 'planned run')} not measured" if night.gaps else "",
        f"{number_of(len(silent), 'device')} silent: {names(silent)}" if silent else "",
        f"{number_of(rest, 'planned run')} silent on devices that did answer" if rest else "",
    ]
    return ", ".join(filter(None, parts)) or "Nothing was planned"


def _count(night: Night, outcome: Outcome) -> str:
    number = night.counts.get(outcome, 0)
    return f"{number} {_SAID.get(outcome, outcome)}" if number else ""


def _silent(night: Night, values: Sequence[Value]) -> tuple[list[str], int]:
    """Return the devices that are silent altogether, and how much of the others' work is."""
    answered = {each.series.device for each in values}
    devices = dict.fromkeys(gap.planned.device for gap in night.silent)
    return [each for each in devices if each not in answered], sum(
        gap.planned.device in answered for gap in night.silent
    )


def _subject(night: Night, values: Sequence[Value]) -> str:
    counts = night.counts
    regressed, causes = counts.get("regressed", 0), incidents_of(night)
    of = f" in {number_of(causes, 'incident')}" if regressed and causes else ""
    parts = [f"{regressed} regressed{of}" if regressed else "no regression" if night.analysed else "no figures"]
    parts += ["noisy night"] if night.noisy else filter(None, [_count(night, "suspected")])
    silent, rest = _silent(night, values)
    parts += [f"{number_of(len(silent), 'device')} silent"] if silent else []
    parts += [f"{number_of(rest, 'planned run')} silent"] if rest and not silent else []
    mark = "[demonstration] " if night.demo else ""
    return f"[perf] {mark}{', '.join(parts)} - {_builds(night, values) or named(night.suite)}"


def _builds(night: Night, values: Sequence[Value]) -> str:
    """Return the builds that the night measured besides its anchors, e.g. ``nano-paper r12``."""
    anchors = {each.line for each in night.planned if each.anchor}
    found = dict.fromkeys((each.build.line, each.build.revision) for each in values)
    told = [f"{named(line)} r{number}" for line, number in found if line not in anchors]
    return listing(told) if len(told) < 3 else f"{len(told)} builds"


def _marks(night: Night) -> Iterator[str]:
    if night.demo:
        yield DEMO
    if night.status != "finished":
        yield f"The night is {night.status}: what follows is incomplete."
    if night.noisy:
        yield f"The night is noisy: {_noise(night)}. The others are counted; the report lists none of them."
    if night.missed:
        yield night.missed
    if night.silent:
        nights = max(gap.nights for gap in night.silent)
        on = names(list(dict.fromkeys(gap.planned.device for gap in night.silent)))
        runs = number_of(len(night.silent), "planned run")
        least = number_of(night.silent_after, "night")
        yield f"Alarm: {runs} on {on} not measured for {least} or more, the longest for {nights}."


def _noise(night: Night) -> str:
    suspects = [each for each in night.findings if each.screens]
    confirmed = sum(each.outcome in ("regressed", "improved") for each in suspects)
    return f"{number_of(len(suspects), 'suspect')}, of which {confirmed} confirmed"


def _sections(night: Night, values: Sequence[Value]) -> Iterator[Section]:
    yield Section(
        "incidents", "Incidents", "worse", "One for each cause, open or changed.", _causes(night, values)
    )
    across = tuple(map(of_across, night.across))
    yield Section("across", "Over all devices", "none", "A random-effects mean of the devices' ratios.", across)
    kinds = {each.series.device: each.context.get(KIND, "") for each in values}
    yield from (_found(night, kinds, part) for part in PARTS)
    groups: dict[tuple[str, str, int], list[Gap]] = {}
    for gap in sorted(night.gaps, key=lambda gap: -gap.nights):
        groups.setdefault((gap.planned.device, gap.why, gap.nights), []).append(gap)
    note = f"Silence for {number_of(night.silent_after, 'night')} or more is an alarm."
    yield Section("not-measured", "Not measured", "none", note, tuple(map(of_gaps, groups.values())))


def _causes(night: Night, values: Sequence[Value]) -> tuple[Item, ...]:
    """Return the incidents, open ones first, with how many series regressed and are still worse."""
    regressed = Counter(each.incident for each in night.findings if each.outcome == "regressed")
    known = {each.series for each in values if each.outcome == "known"}
    ordered = sorted(night.incidents, key=lambda each: (each.status not in OPEN, each.id not in night.told))
    worse = (sum(member.series in known and not member.back for member in each.members) for each in ordered)
    return tuple(
        of_incident(each, night.date, regressed[each.id], still)
        for each, still in zip(ordered, worse, strict=True)
    )


def _found(night: Night, kinds: Mapping[str, str], part: Part) -> Section:
    """Return the findings of a part; on a noisy night the number of unconfirmed suspects alone."""
    key, title, tone, outcomes = part
    found = [each for each in night.findings if each.outcome in outcomes]
    if night.noisy and found and set(outcomes) <= set(UNCONFIRMED):
        return Section(key, title, tone, f"Not listed because the night is noisy: {len(found)} series.", ())
    note = "; ".join(capital(OUTCOMES[each]) for each in outcomes if any(f.outcome == each for f in found))
    found.sort(key=_weight)
    groups: dict[str, list[Finding]] = {}
    for each in found:
        groups.setdefault(each.series.device if each.outcome == "trend" else each.series.name, []).append(each)
    items = (of_finding(of[0], kinds.get(of[0].series.device, ""), of[1:]) for of in groups.values())
    return Section(key, title, tone, f"{note}.", tuple(items))


def _weight(found: Finding) -> float:
    """Return what puts the largest change first."""
    return -abs(found.ratio - 1) if found.verdict or found.usual else 0.0


def _method(night: Night, values: Sequence[Value]) -> Iterator[str]:
    yield (
        "A figure is the median of a series' trial medians: its usual level, then tonight's. A change with pairs "
        "is that of the new build against the last good one, measured in turn on the same device, so it need not "
        "be the quotient of the two figures. Could see: the smallest change that 9 of 10 comparisons find."
    )
    yield (
        f"Measured for {seconds(night.spent_s)} of device time (limit: {seconds(night.budget_s)} on each device), "
        f"confirmed for "
        f"{seconds(night.confirm_spent_s)} of {seconds(night.confirm_s)}; seed {night.seed}, night {night.id}, "
        f"{night.started_utc} to {night.ended_utc or 'now'}."
    )
    kinds = {each.series.device: each.context.get(KIND, "") for each in values}
    for kind in sorted({*kinds.values()} - {"", "phone", "unknown"}):
        on = names(sorted(device for device, found in kinds.items() if found == kind))
        yield f"{on}: {KINDS.get(kind, kind)}."
    yield f"To render this report again: `lab nightly report {night.date}`."
