"""An incident in words: the one view that the command line and the pages draw. Pure: no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from lab.records import OPEN, BuildAt, Incident, Member
from lab.report.incident.known import Known, Reason
from lab.report.incident.offers import Offer, offers
from lab.report.incident.reasons import reasons
from lab.report.night.said import builds_words, change_words, named, names, what
from lab.report.night.tracker import tracker_text
from lab.report.night.view import DEMO
from lab.report.verdict.sentence import signed
from lab.report.wording import number_of, quantity


@dataclass(frozen=True)
class Line:
    """A series of an incident: `worse` is by how much with its interval, `back` how it stands now."""

    name: str
    what: str
    device: str
    worse: str
    usual: str
    back: str
    member: Member


@dataclass(frozen=True)
class View:
    """An incident with everything to print of it; `lines` and the series of `known` have the worst first.

    `marks` must be read with every figure; `tracker` is text to paste into a bug tracker.
    """

    known: Known
    sentence: str
    marks: tuple[str, ...]
    lines: tuple[Line, ...]
    reasons: tuple[Reason, ...]
    offers: tuple[Offer, ...]
    tracker: str

    @property
    def incident(self) -> Incident:
        """The incident."""
        return self.known.incident


def incident_view(known: Known) -> View:
    """Return everything to print of an incident."""
    incident = known.incident
    return View(
        known=known,
        sentence=sentence(incident),
        marks=(DEMO,) if incident.demo else (),
        lines=tuple(_line(each) for each in worst_first(incident)),
        reasons=reasons(known),
        offers=offers(incident, known.series),
        tracker=tracker_text(incident, known.nights[0] if known.nights else None, known.values),
    )


def worst_first(incident: Incident) -> list[Member]:
    """Return the series of an incident: those still worse first, and of these the largest change."""
    return sorted(incident.members, key=lambda each: (bool(each.back), -abs(math.log(each.change.estimate))))


def sentence(incident: Incident) -> str:
    """Return what got worse, by how much, between which builds, since when, and on which devices."""
    worst = incident.worst
    series, others = worst.series, len(incident.members) - 1
    devices = sorted({each.series.device for each in incident.members})
    more = f", the worst of {len(incident.members)} series on {names(devices)}" if others else ""
    return (
        f"{what(series, worst.metric)} with {named(incident.line)} on {named(series.device)}: "
        f"{change_words(worst.change, worst.metric)}{more}; {builds_words(incident.good, incident.bad)}, "
        f"since the night of {incident.began}."
    )


def worse_by(member: Member) -> str:
    """Return by how much a series is worse, with the ends of the interval: ``7.5 % (6.1 to 8.9)``.

    All are rounded to the same digit, as sentences round them.
    """
    sign = 1 if member.metric.better == "lower" else -1
    found = [each for each in (member.change.estimate, member.change.low, member.change.high) if each is not None]
    share, *ends = (each.lstrip("+") for each in signed([1 + sign * (each - 1) for each in found]))
    near, far = sorted(ends, key=lambda text: float(text.split()[0])) if len(ends) == 2 else ("", "")
    return f"{share} ({near.removesuffix(' %')} to {far.removesuffix(' %')})" if near else share


def revisions(incident: Incident) -> str:
    """Return the builds between which the cause lies, short: ``r11..r12``."""
    return f"{_revision(incident.good)}..{_revision(incident.bad)}"


def age(incident: Incident, dates: Iterable[str]) -> int:
    """Return in how many nights its series have been worse, of nights with these dates; a date counts once."""
    closed = list(takewhile(lambda event: event.state not in OPEN, reversed(incident.events)))
    last = closed[-1].night if closed else "9999"
    return len({date for date in dates if incident.began <= date <= last})


def age_words(incident: Incident, dates: Iterable[str]) -> str:
    """Return the age of an incident: ``3 nights``."""
    return number_of(age(incident, dates), "night")


def _revision(build: BuildAt) -> str:
    return f"r{build.revision}" if build.revision else build.id[:8]


def _line(member: Member) -> Line:
    return Line(
        name=member.series.name,
        what=what(member.series, member.metric),
        device=named(member.series.device),
        worse=worse_by(member),
        usual=quantity(member.usual, member.metric.unit),
        back=f"comparison {member.back[:13]}" if member.back else "no",
        member=member,
    )
