"""The reasons to trust a night and those to doubt it: the lab's own record, and the state of its devices then."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from device_agents.reasons import InvalidReason
from lab.compare.tally import tally
from lab.records import Incident, Night, SelfCheck, Tally, Value
from lab.report.selfcheck import upper
from lab.report.wording import kind_words, listing, number_of, percent, plain

RENEWED_DAYS = 7
"""Days after which a self-check is old: a device's own noise is to be measured again every week (methodology.md,
section 11)."""

NAMED = 4
"""Most devices that a sentence names."""


@dataclass(frozen=True)
class Reason:
    """A sentence about a night, or about its `device`; `doubt` is set where it speaks against the night."""

    words: str
    doubt: bool
    device: str = ""


@dataclass(frozen=True)
class Trust:
    """A sentence on whether a night can be trusted, and the reasons: doubts first, then the lab's own record."""

    verdict: str
    reasons: tuple[Reason, ...]

    @property
    def doubts(self) -> tuple[Reason, ...]:
        """The reasons that speak against the night."""
        return tuple(each for each in self.reasons if each.doubt)


def trust_of(
    night: Night,
    values: Sequence[Value],
    *,
    checks: Sequence[SelfCheck],
    incidents: Sequence[Incident],
    quarantined: Mapping[str, str],
    tallies: Sequence[Tally],
) -> Trust:
    """Return whether a night can be trusted, and why. Pure: no I/O.

    `values` are its figures, `checks` all self-checks and `incidents` all incidents, newest first; those after the
    night are left out. `quarantined` holds device -> why, as it is now, so it is empty for any night but the
    newest that is finished; `tallies` counts the trials of the night.
    """
    until = night.ended_utc or night.started_utc
    known = [each for each in checks if each.started_utc[:19] <= until[:19]]
    found = [
        *_night(night),
        *_devices(night, values, quarantined),
        *_heat(tallies),
        *_checked(night, values, known),
        _record(known),
        _labels([each for each in incidents if each.started_utc[:19] <= until[:19]]),
        _lost(tallies),
    ]
    doubts = [each for each in found if each.doubt]
    verdict = (
        f"{number_of(len(doubts), 'reason')} to doubt the night" if doubts else "Nothing speaks against the night"
    )
    return Trust(f"{verdict}.", (*doubts, *(each for each in found if not each.doubt)))


def record_of(checks: Sequence[SelfCheck]) -> tuple[int, int]:
    """Return k and n: of n comparisons of equal builds in self-checks, k were called a change."""
    counts = [tally(each) for each in checks]
    return sum(each.false for each in counts), sum(each.alike for each in counts)


def by_kind(checks: Sequence[SelfCheck]) -> dict[str, list[SelfCheck]]:
    """Return kind of device -> its self-checks: errors of different kinds are never added up."""
    found: dict[str, list[SelfCheck]] = {}
    for each in checks:
        found.setdefault(each.context.facts.get("device_kind", "unknown"), []).append(each)
    return dict(sorted(found.items()))


def record_words(checks: Sequence[SelfCheck]) -> str:
    """Return how many equal builds were called changed, with the bound; of several kinds of device each alone."""
    known = {kind: record_of(own) for kind, own in by_kind(checks).items() if record_of(own)[1]}
    if len(known) < 2:
        return upper(*record_of(checks))
    return "; ".join(f"{upper(k, n)} on {kind_words(kind)}" for kind, (k, n) in known.items())


def labels_of(incidents: Sequence[Incident]) -> tuple[int, int, int]:
    """Return how many incidents people marked invalid, how many expected, and how many were alerted in all."""
    states = [each.status for each in incidents]
    return states.count("invalid"), states.count("expected"), len(states)


def days_between(earlier: str, later: str) -> int:
    """Return the days between two times or dates (ISO 8601)."""
    return (date.fromisoformat(later[:10]) - date.fromisoformat(earlier[:10])).days


def _night(night: Night) -> Iterator[Reason]:
    if night.status != "finished":
        yield Reason(f"The night is {night.status}: what it says is incomplete.", doubt=True)
    if night.noisy:
        yield Reason("The night is noisy: most of its suspects were new and did not confirm.", doubt=True)
    if night.missed:
        yield Reason(plain(night.missed), doubt=True)


def _devices(night: Night, values: Sequence[Value], quarantined: Mapping[str, str]) -> Iterator[Reason]:
    """Yield the devices that were away, in part or altogether, and those in quarantine."""
    answered = {each.series.device for each in values}
    for device in sorted({each.device for each in night.planned} | {each.planned.device for each in night.gaps}):
        gaps = [each for each in night.gaps if each.planned.device == device]
        if device in quarantined:
            yield Reason(plain(f"{device} is in quarantine: {quarantined[device]}."), doubt=True, device=device)
        if gaps:
            planned = sum(each.device == device for each in night.planned)
            nights = max(each.nights for each in gaps)
            why = listing(list(dict.fromkeys(each.why.removeprefix(f"{device} ") for each in gaps))[:2])
            row = f", {nights} nights in a row" if nights > 1 else ""
            what = f"{len(gaps)} of {planned} planned runs not measured" if device in answered else "silent"
            yield Reason(plain(f"{device}: {what}{row}: {why}."), doubt=True, device=device)


def _heat(tallies: Sequence[Tally]) -> Iterator[Reason]:
    """Yield the devices whose trials heat spoilt, or which did not cool down, charge or calm down in time."""
    kinds = (
        (InvalidReason.THROTTLED, "slowed down by heat"),
        (InvalidReason.GATE_TIMEOUT, "not begun in time: too warm, too empty or too busy"),
    )
    for device in sorted({each.device for each in tallies}):
        own = [each for each in tallies if each.device == device]
        total = sum(each.trials for each in own)
        for reason, words in kinds:
            if lost := sum(each.trials for each in own if each.reason == reason):
                yield Reason(
                    plain(
                        f"{device}: {lost} of {number_of(total, 'trial')} begun during the night invalid: {words}."
                    ),
                    True,
                    device,
                )


def _checked(night: Night, values: Sequence[Value], checks: Sequence[SelfCheck]) -> Iterator[Reason]:
    """Yield which devices that the night measured have no self-check, or an old one."""
    newest = {each.device: each for each in reversed(checks) if tally(each).alike or each.resampled}
    measured = sorted({each.series.device for each in values})
    never = [each for each in measured if each not in newest]
    if never:
        ask = (
            f"`lab selfcheck --device {shlex.quote(never[0])}`"
            if len(never) == 1
            else "`lab selfcheck --device NAME`"
        )
        yield Reason(
            plain(f"How often verdicts are wrong was never measured on {_named(never)}; to find out: {ask}."), True
        )
    ages = {each: days_between(newest[each].started_utc, night.date) for each in measured if each in newest}
    old = [each for each, days in ages.items() if days > RENEWED_DAYS]
    if old:
        most = max(ages[each] for each in old)
        yield Reason(
            plain(f"The self-check of {_named(old)} is up to {most} days old; it is due every {RENEWED_DAYS}."),
            True,
        )
    elif ages:
        yield Reason(f"Self-checks are at most {number_of(max(0, *ages.values(), 0), 'day')} old.", doubt=False)


def _record(checks: Sequence[SelfCheck]) -> Reason:
    if not record_of(checks)[1]:
        return Reason("The lab's own record is empty: no self-check has compared a build with itself.", doubt=True)
    devices = number_of(len({each.device for each in checks if tally(each).alike}), "device")
    return Reason(f"Own record: equal builds called changed: {record_words(checks)}, on {devices}.", doubt=False)


def _labels(incidents: Sequence[Incident]) -> Reason:
    invalid, expected, alerted = labels_of(incidents)
    more = f"; {expected} expected" if expected else ""
    words = f"{upper(invalid, alerted, 'none alerted yet')}{more}"
    return Reason(f"Alerts that people marked as false: {words}.", doubt=False)


def _lost(tallies: Sequence[Tally]) -> Reason:
    total = sum(each.trials for each in tallies)
    lost = sum(each.trials for each in tallies if each.reason)
    if not total:
        return Reason("How many trials begun during the night were invalid is not known.", doubt=False)
    share = f" ({percent(lost / total)})" if lost else ""
    return Reason(f"{lost} of {number_of(total, 'trial')} begun during the night invalid{share}.", doubt=False)


def _named(devices: Sequence[str]) -> str:
    """Return devices in words: all of a few, or their number."""
    return listing(devices) if len(devices) <= NAMED else number_of(len(devices), "device")
