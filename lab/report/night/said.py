"""The sentences about one item of a night's report: a finding, an incident, a change over devices, a gap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from device_agents.plain import cut
from lab.records import Across, BuildAt, Cell, Finding, Gap, Incident, Interval, Member, Metric, Parameter, Series
from lab.report.verdict.sentence import TIMES, manner_of, sizes, smallest_words
from lab.report.wording import capital, cell_phrase, listing, number_of, percent, plain, quantity
from lab.trial.metrics import METRICS

SHORT_ID = 13
"""Characters of an id that commands are shown with: the time of a UUIDv7, to the millisecond."""

NAME = 100
"""Longest name that is written out; a judgement."""

NAMED = 5
"""Names listed in a sentence, before it says how many more there are; a judgement."""


@dataclass(frozen=True)
class Item:
    """Something that a night's report lists; every text is on one line and controls no terminal.

    `head` names it, `claim` says it, `facts` are the rest of its line and `more` the sentences below.
    """

    kind: str
    head: str
    claim: str
    facts: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    finding: Finding | None = None
    incident: Incident | None = None

    @property
    def line(self) -> str:
        """The item in one line, the same in every format."""
        return " · ".join((self.kind, self.head, self.claim, *self.facts))


def _item(
    kind: str,
    head: str,
    claim: str,
    facts: Iterable[str] = (),
    more: Iterable[str] = (),
    *,
    finding: Finding | None = None,
    incident: Incident | None = None,
) -> Item:
    """Return an item with its texts made plain and not too long, the empty ones left out."""
    kind, head, claim = (plain(cut(each)) for each in (kind, head, claim))
    facts, more = (tuple(plain(cut(each)) for each in texts if each) for texts in (facts, more))
    return Item(kind, head, claim, facts, more, finding, incident)


def named(text: str) -> str:
    """Return a name on one line, without its end where that is too far away."""
    found = plain(text[: NAME + 1])
    return found if len(found) <= NAME else f"{found[: NAME - 1]}…"


def names(found: Sequence[str]) -> str:
    """Return names as a list of at most NAMED."""
    more = [f"{len(found) - NAMED} more"] if len(found) > NAMED else []
    return listing([*map(named, found[:NAMED]), *more])


def what(series: Series, metric: Metric) -> str:
    """Return what a series measures: metric, scenario and cell, each once; ``decode, 512 tokens of context``.

    The scenario alone where its name says the metric.
    """
    told = metric.label in series.scenario.replace("_", " ")
    parts = [series.scenario] if told else [metric.label, series.scenario]
    if series.cell != series.scenario:
        chosen = dict(each.split("=", 1) for each in series.cell.split(", ") if "=" in each)
        parameters: dict[str, Parameter] = {
            name: int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else _BOOL.get(text, text)
            for name, text in chosen.items()
        }
        parts.append(cell_phrase(Cell(series.cell, parameters), list(parameters)))
    return ", ".join(map(named, parts))


_BOOL: dict[str, Parameter] = {"true": True, "false": False, "True": True, "False": False}


def where(series: Series, kind: str = "") -> str:
    """Return ``nano-w4 on phone-2``, with the kind of a device that is no phone; a series may have no device."""
    if not series.device:
        return named(series.line)
    note = "" if kind in ("", "phone", "unknown", series.device) else f" ({named(kind)})"
    return f"{named(series.line)} on {named(series.device)}{note}"


def change_words(change: Interval, metric: Metric) -> str:
    """Return e.g. ``7.5 % slower (95 % interval 6.1 to 8.9 %)``; without an interval the size alone."""
    manner = manner_of(metric)
    size, interval = sizes(change, manner)
    if interval.count("%") == 1:
        interval = interval.removesuffix(f" {size.split()[-1]}")
    if manner.kind == "time" and change.estimate < TIMES:
        size += " time"
    return f"{size} ({100 * change.level:.0f} % interval {interval})" if interval else size


def from_to(usual: float, value: float, metric: Metric) -> str:
    """Return ``412 → 381 tokens/s``, with both units where they differ."""
    before, now = quantity(usual, metric.unit), quantity(value, metric.unit)
    number, _, unit = before.partition(" ")
    return f"{number if unit == now.partition(' ')[2] else before} → {now}"


def builds_words(good: BuildAt | None, bad: BuildAt) -> str:
    """Return ``builds r11 (aaaaaaaa)..r12 (bbbbbbbb)``; the line's name stands elsewhere in the row."""
    if good is None or good.id == bad.id:
        return f"build {_build(bad)}"
    return f"builds {_build(good)}..{_build(bad)}"


def _build(build: BuildAt) -> str:
    return f"r{build.revision} ({build.id[:8]})" if build.revision else build.id[:8]


def of_finding(found: Finding, kind: str = "", alike: Sequence[Finding] = ()) -> Item:
    """Return a finding with its evidence, the stages that moved folded in; `kind` is that of its device.

    `alike` are the other series of the device that drift: one cause is likelier than many.
    """
    metric, verdict, why = found.metric, found.verdict, _sentence(found.why)
    figures = from_to(found.usual, found.value, metric)
    smallest = smallest_words(verdict, manner_of(metric)) if verdict else ""
    again = (
        f"lab show {found.comparison[:SHORT_ID]}" if found.comparison else f"lab explain {found.run[:SHORT_ID]}"
    )
    drifts = found.outcome == "trend"  # no build and no night did it
    since = () if drifts else (builds_words(found.good, found.bad), f"since {found.since}")
    others = names([f"{what(each.series, each.metric)} with {each.series.line}" for each in alike])
    return _item(
        found.outcome,
        f"{what(found.series, metric)} · {where(found.series, kind)}"
        + (f", and {len(alike)} more series there" if alike else ""),
        why.removesuffix(".") if drifts else f"{figures}{_change(found)}",
        (
            figures if drifts else "",
            number_of(verdict.pairs, "pair") if verdict else "",
            f"could see {smallest}" if smallest else "",
            *since,
            f"incident {found.incident[:SHORT_ID]}" if found.incident else "",
        ),
        (
            stage_words(found),
            "" if drifts else why,
            f"Drifting too: {others}." if alike else "",
            _sentence(found.advice),
            f"Evidence: `{again}`.",
        ),
        finding=found,
    )


def _change(found: Finding) -> str:
    """Return the change of a finding, to follow its figures: that of its pairs, else of tonight to the usual."""
    change = found.verdict.change if found.verdict else None
    if change is not None:
        between = ", " if found.outcome in ("regressed", "improved") else "; in pairs "
        return between + change_words(change, found.metric)
    if not found.usual > 0 or not math.isfinite(found.value / found.usual):
        return ", no usual figure"
    return f", {change_words(Interval(found.value / found.usual, None, None, 0.95, 0), found.metric)} than usual"


def stage_words(found: Finding) -> str:
    """Return the stages that moved in the confirmation, as a sentence; empty if none did."""
    unknown = {each.metric: Metric(each.metric, named(each.metric), "s", "lower") for each in found.stages}
    known = {**unknown, **METRICS}
    words = [
        f"{known[each.metric].label} {change_words(each.change, known[each.metric])}" for each in found.stages
    ]
    return f"Stages that moved: {listing(words)}." if words else ""


def _sentence(text: str) -> str:
    """Return a text as a sentence; one that ends with a command has a full stop of its own."""
    text = capital(text.strip())
    return text if not text or text[-1] in ".!?" else f"{text}."


def of_incident(found: Incident, date: str, regressed: int, known: int) -> Item:
    """Return an incident in the night of a date, in which so many series regressed or were still worse."""
    worse = [abs(each.change.estimate - 1) for each in found.members]
    status = "not acknowledged" if found.status == "new" and found.night != date else found.status
    least, most = (percent(min(worse)), percent(max(worse))) if worse else ("", "")
    by = most if least == most else f"{least.removesuffix(' %')} to {most}"
    tonight = [
        f"{regressed} regressed tonight" if regressed else "",
        f"{known} still worse tonight" if known else "",
    ]
    last = found.events[-1] if found.events else None
    return _item(
        f"incident {found.id[:SHORT_ID]}",
        f"{named(found.line)} {builds_words(found.good, found.bad)}",
        f"{status}: {len(found.members)} series worse by {by}" if worse else status,
        (
            ", ".join(filter(None, tonight)),
            f"since {found.night}",
            f"owner {named(found.owner)}" if found.owner else "",
        ),
        (
            f"{last.night}, {named(last.who)}: {_sentence(last.note)}" if last and len(found.events) > 1 else "",
            f"Evidence and story: `lab incidents show {found.id[:SHORT_ID]}`.",
        ),
        incident=found,
    )


def of_across(found: Across) -> Item:
    """Return a change over all devices that confirmed or refused it."""
    spread = f"devices differ by {percent(math.expm1(found.tau))} (standard deviation)" if found.tau > 0 else ""
    return _item(
        "over devices",
        f"{what(found.series, found.metric)} · {where(found.series)}",
        change_words(found.change, found.metric),
        (f"{number_of(len(found.devices), 'device')}: {names(found.devices)}", spread),
    )


def of_gaps(found: Sequence[Gap]) -> Item:
    """Return what one device did not measure, for one reason, for as many nights."""
    first = found[0]
    device, nights = first.planned.device, first.nights
    why = first.why.removeprefix(f"{device}: ").removeprefix(f"{device} ")
    planned = [f"{each.planned.scenario} with {each.planned.line}" for each in found]
    return _item(
        "not measured",
        named(device),
        f"{names(planned)}: {why}",
        (f"silent for {nights} nights" if nights > 1 else "",),
    )


def member_words(member: Member) -> str:
    """Return a series of an incident in a line: what, on which device, from which level, by how much."""
    series, metric = member.series, member.metric
    return plain(
        f"{what(series, metric)} · {named(series.device)} · {quantity(member.usual, metric.unit)}, now "
        f"{change_words(member.change, metric)} · {number_of(member.change.n, 'pair')}"
    )
