"""The gaps of a night, and the test for a noisy night. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date as Date  # noqa: N812 - `date` is the date of a night here
from datetime import timedelta

from lab.records import Finding, Gap, Night, Outcome, Planned

TIME_OVER = "the measuring time was used up"
"""The reason of whatever has no other."""

FORGOTTEN_NIGHTS = 14
"""Nights after which a device that is gone is no longer missed; a judgement."""

NOISY_FROM = 4
"""Fewest suspects of a night that may be noisy; a judgement: three can be listed."""

UNCONFIRMED: tuple[Outcome, ...] = ("not reproduced", "cannot tell")


def gaps(
    planned: Sequence[Planned], done: Collection[Planned], why: Mapping[Planned, str], before: Sequence[Night]
) -> tuple[Gap, ...]:
    """Return what was planned and not measured, why, and for how many nights in a row.

    `before` are the nights before, newest first. Those that did not finish judged nothing and are left out.
    """
    last = _last(before)
    silent = {_key(gap.planned): gap.nights for gap in last.gaps} if last else {}
    return tuple(
        Gap(each, why.get(each, TIME_OVER), 1 + silent.get(_key(each), 0)) for each in planned if each not in done
    )


def vanished(planned: Sequence[Planned], before: Sequence[Night]) -> tuple[Planned, ...]:
    """Return what the last night planned on devices that tonight does not have, for FORGOTTEN_NIGHTS at most.

    A scenario or line that tonight measures nowhere was taken out of the suite and is not missed.
    """
    last = _last(before)
    if last is None:
        return ()
    devices = {each.device for each in planned}
    wanted = {(each.scenario, each.line) for each in planned}
    nights = {_key(gap.planned): gap.nights for gap in last.gaps}
    known = {_key(each): each for each in (*last.planned, *(gap.planned for gap in last.gaps))}
    return tuple(
        each
        for key, each in known.items()
        if each.device not in devices
        and (not wanted or (each.scenario, each.line) in wanted)
        and nights.get(key, 0) < FORGOTTEN_NIGHTS
    )


def missed(before: Sequence[Night], date: str) -> str:
    """Return a sentence about the nights between the last finished one and `date`; empty if there are none."""
    last = _last(before)
    nights = (Date.fromisoformat(date) - Date.fromisoformat(last.date)).days - 1 if last else 0
    if last is None or nights < 1:
        return ""
    first = Date.fromisoformat(last.date) + timedelta(days=1)
    if nights == 1:
        return f"The night of {first} was not measured to its end."
    return f"{nights} nights were not measured to their end: {first} to {first + timedelta(days=nights - 1)}."


def noisy(findings: Sequence[Finding], last: Night | None) -> bool:
    """Return whether most of tonight's suspects are new since last night and did not confirm."""
    suspects = [each for each in findings if each.screens]
    known = {each.series for each in last.findings if each.screens} if last else set()
    new = [each for each in suspects if each.outcome in UNCONFIRMED and each.series not in known]
    return len(suspects) >= NOISY_FROM and 2 * len(new) > len(suspects)


def _last(before: Sequence[Night]) -> Night | None:
    return next((night for night in before if night.status == "finished"), None)


def _key(planned: Planned) -> tuple[str, str, str]:
    return planned.scenario, planned.line, planned.device
