"""Incidents: one for each cause, alerted once, closed with evidence. All but :func:`act` is pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lab.errors import RunError
from lab.records import OPEN, BuildAt, Event, Finding, Incident, Member, Series, State
from lab.store import Store

LAB = "lab nightly"
"""The name under which the lab itself changes incidents."""

NAMED = 3
"""Series that an event names; a judgement: the members of an incident are listed beside its story."""

Act = Literal["acknowledged", "expected", "invalid"]

MAKES_SENSE: Mapping[Act, tuple[State, ...]] = {
    "acknowledged": OPEN,
    "expected": (*OPEN, "expected", "invalid"),
    "invalid": (*OPEN, "expected", "invalid", "fixed"),
}
"""What a person may say of an incident -> the states in which it makes sense."""


@dataclass(frozen=True)
class Settled:
    """The incidents that a night changed, its regressed findings with their incident, and the ids to alert on."""

    changed: tuple[Incident, ...]
    findings: tuple[Finding, ...]
    told: tuple[str, ...]


def settled(
    incidents: Sequence[Incident],
    findings: Sequence[Finding],
    back_to_normal: Sequence[tuple[Series, str, str]],
    *,
    date: str,
    utc: str,
    new_id: Callable[[], str],
    demo: bool = False,
) -> Settled:
    """Join the regressed findings of a night to incidents, and close the incidents whose series all came back.

    `back_to_normal` holds a series, the id of the comparison that found tonight's build no worse than the
    incident's good one, and a sentence. Findings are taken in the order of their bad build, which gives the fewest
    incidents: the greedy choice for points that stab intervals. A night that is settled again changes nothing, and
    alerts on the same incidents.
    """
    before = {each.id: each for each in incidents if each.demo == demo}
    book, cause_of, worse = dict(before), dict[Series, str](), dict[str, list[Series]]()
    steps = [_alone(each, date=date, utc=utc, demo=demo) for each in findings if each.outcome == "regressed"]
    for step in sorted(filter(None, steps), key=lambda each: (each.bad.revision, each.members[0].series.name)):
        found = _cause(book.values(), step)
        entry = replace(step, id=new_id()) if found is None else _joined(found, step)
        book[entry.id] = entry
        cause_of[step.members[0].series] = entry.id
        if found is None or found.members != entry.members:
            worse.setdefault(entry.id, []).append(step.members[0].series)
    for key, new in worse.items():
        again = " again" if book[key].status == "back" else ""
        book[key] = _noted(book[key], f"{len(new)} series got worse{again}: {_names(new)}", date, utc)
    for series, comparison, sentence in back_to_normal:
        holder = None if series in cause_of else _holder(book.values(), series, comparison)
        if holder is not None:
            note = f"{series.name} came back (comparison {comparison}): {sentence}"
            book[holder.id] = _noted(_returned(holder, series, comparison), note, date, utc)
    return Settled(
        changed=tuple(each for key, each in book.items() if each != before.get(key)),
        findings=tuple(replace(f, incident=cause_of[f.series]) for f in findings if f.series in cause_of),
        told=tuple(key for key in dict.fromkeys(cause_of.values()) if _is_news(book[key], date)),
    )


def acted(
    incident: Incident, state: Act, *, who: str, note: str, utc: str, date: str, owner: str = ""
) -> Incident:
    """Return an incident as a person left it; raises `RunError` for an act that makes no sense in its state."""
    if incident.status not in MAKES_SENSE[state]:
        raise RunError(
            f"incident {incident.id}: wanted one that is {' or '.join(MAKES_SENSE[state])} to mark it {state}, "
            f"found it {incident.status}; `lab incidents show {incident.id}` tells its story"
        )
    event = Event(utc, date, state, who, note)
    return replace(incident, status=state, owner=owner or incident.owner, events=(*incident.events, event))


def act(
    store: Store,
    text: str,
    state: Act,
    *,
    who: str,
    note: str,
    utc: str,
    date: str,
    owner: str = "",
    seen: int | None = None,
) -> Incident:
    """Save what a person says of the incident whose id begins with `text`, and return it as it is now.

    `seen` is the number of its events when they decided: raises `RunError` that says what happened since, and
    saves nothing, if there are more by now. Raises also as :func:`acted` and `Store.change_incident`.
    """

    def changed(incident: Incident) -> Incident:
        if seen is not None and (since := incident.events[seen:]):
            told = "; ".join(f"{each.who}, {each.utc}, {each.state}: {each.note}" for each in since)
            raise RunError(
                f"incident {incident.id} changed after you opened it, and nothing was saved: {told}. Read this, "
                "then mark it again if what you say still holds"
            )
        return acted(incident, state, who=who, note=note, utc=utc, date=date, owner=owner)

    return store.change_incident(text, changed)


def as_of(incidents: Iterable[Incident], date: str) -> list[Incident]:
    """Return the incidents as the night of a date met them; what people did on that date counts as before it.

    Ranges and series that the lab added since stay.
    """
    found = []
    for each in incidents:
        told = tuple(e for e in each.events if e.night < date or (e.night == date and e.who != LAB))
        if not told or each.night >= date:
            continue
        members = tuple(
            replace(m, back=m.back if any(m.back in e.note for e in told) else "") for m in each.members
        )
        found.append(replace(each, status=told[-1].state, members=members, events=told))
    return found


def _alone(finding: Finding, *, date: str, utc: str, demo: bool) -> Incident | None:
    """Return the incident that a regressed finding would be by itself, without an id; None without evidence."""
    change = finding.verdict.change if finding.verdict else None
    if change is None or finding.good is None:
        return None
    member = Member(finding.series, finding.metric, change, finding.usual, finding.comparison)
    return Incident("", utc, "new", finding.series.line, date, finding.good, finding.bad, (member,), (), demo=demo)


def _cause(incidents: Iterable[Incident], step: Incident) -> Incident | None:
    """Return the incident that a step belongs to; None for a cause of its own.

    First one that overlaps and has the series, then an open one that overlaps, then one that a person closed; at
    last a fixed one that has the series: it is back. Of several the newest.
    """
    series = step.members[0].series

    def rank(each: Incident) -> int | None:
        has = any(member.series == series for member in each.members)
        if each.line != step.line:
            return None
        if each.status == "fixed":
            return 3 if has else None
        if _meet(each, step) is None:
            return None
        return 0 if has else 1 if each.status in OPEN else 2

    ranked = [(place, each) for each in _newest(incidents) if (place := rank(each)) is not None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _newest(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda each: (each.night, each.id), reverse=True)


def _meet(one: Incident, other: Incident) -> tuple[BuildAt, BuildAt] | None:
    """Return the builds after and up to which both causes may lie; None if they cannot be the same.

    Where a revision is not known, two ranges overlap if they share an end, and the first stays as it is.
    """
    if 0 in (one.good.revision, one.bad.revision, other.good.revision, other.bad.revision):
        shared = one.good.id == other.good.id or one.bad.id == other.bad.id
        return (one.good, one.bad) if shared else None
    good = max(one.good, other.good, key=lambda build: build.revision)
    bad = min(one.bad, other.bad, key=lambda build: build.revision)
    return (good, bad) if good.revision < bad.revision else None


def _joined(found: Incident, step: Incident) -> Incident:
    """Return an incident with the series of a step, and the range of builds that both leave."""
    (new,) = step.members
    members = found.members
    if not any(each.series == new.series and not each.back for each in members):
        members = (*(each for each in members if each.series != new.series), new)
    if found.status == "fixed":
        return replace(found, status="back", good=step.good, bad=step.bad, members=members)
    good, bad = _meet(found, step) or (found.good, found.bad)
    return replace(found, good=good, bad=bad, members=members)


def _holder(incidents: Iterable[Incident], series: Series, comparison: str) -> Incident | None:
    """Return the newest open incident in which a series is worse; None if this comparison has closed one."""
    having = [(each, m) for each in _newest(incidents) for m in each.members if m.series == series]
    if any(member.back == comparison for _, member in having):
        return None
    return next((each for each, member in having if each.status in OPEN and not member.back), None)


def _returned(incident: Incident, series: Series, comparison: str) -> Incident:
    """Return an incident in which a series came back; it is fixed when all did."""
    members = tuple(replace(each, back=comparison) if each.series == series else each for each in incident.members)
    return replace(
        incident, members=members, status="fixed" if all(each.back for each in members) else incident.status
    )


def _noted(incident: Incident, note: str, date: str, utc: str) -> Incident:
    return replace(incident, events=(*incident.events, Event(utc, date, incident.status, LAB, note)))


def _names(series: Sequence[Series]) -> str:
    more = f"; and {len(series) - NAMED} more" if len(series) > NAMED else ""
    return "; ".join(each.name for each in series[:NAMED]) + more


def _is_news(incident: Incident, date: str) -> bool:
    """Return whether this night opened an incident, or found it back, and nobody has acted since."""
    return incident.status in ("new", "back") and incident.began == date
