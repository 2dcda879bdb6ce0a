"""Reasons from around an incident: other devices, self-checks, what else its nights saw. Pure: no I/O."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from lab.compare.tally import tally
from lab.records import Finding, Outcome, Value
from lab.report.incident.known import Known, Reason
from lab.report.night.said import named, names, what
from lab.report.night.view import KIND
from lab.report.wording import number_of

NOT_WORSE: tuple[Outcome, ...] = ("no change seen", "improved", "not reproduced")
"""What a night says of a series that it could judge and that did not get worse."""


def around(known: Known) -> Iterator[Reason]:
    """Yield the reasons that lie outside its pairs."""
    for topic in (_devices, _checks, _nights):
        yield from topic(known)


def _devices(known: Known) -> Iterator[Reason]:
    """Compare with the other devices that measured the worst series the same night."""
    worst = known.series[0].member.series
    same = [v for v in known.values if (v.series.scenario, v.series.cell, v.series.line, v.series.metric)
            == (worst.scenario, worst.cell, worst.line, worst.metric)]  # fmt: skip
    own = {each.member.series for each in known.series}
    kinds = {each.context.get(KIND) for each in same if each.series == worst}
    others = [each for each in same if each.series not in own]
    alike = [each for each in others if each.context.get(KIND) in kinds]
    told = what(worst, known.series[0].member.metric)
    hit = len(same) - len(others)
    if fine := [each for each in alike if each.outcome in NOT_WORSE]:
        yield Reason("against", f"Measured the same night and not worse in {told}: {_outcomes(fine)}.")
    if rest := [each for each in alike if each.outcome not in NOT_WORSE]:
        yield Reason(
            "unknown",
            f"Measured the same night, which does not show if {told} got worse there: {_outcomes(rest)}.",
        )
    if hit > 1:
        yield Reason("for", f"Of {len(same)} devices that measured {told} that night, {hit} got worse.")
    elif len(same) == 1:
        yield Reason("against", f"Only {named(worst.device)} measures {told}: no second device can confirm it.")


def _outcomes(found: Sequence[Value]) -> str:
    return names([f"{each.series.device} ({each.outcome})" for each in found])


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
        count = tally(check) if check else None
        if check is None or count is None or not count.alike:
            continue
        yield Reason(
            "against" if count.false else "for",
            f"{named(device)} checked itself on {check.started_utc[:10]}: {count.false} of "
            f"{number_of(count.alike, 'comparison')} of a build with itself alarmed.",
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
