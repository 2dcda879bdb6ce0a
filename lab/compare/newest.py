"""The saved comparison or self-check that a command means when it names none."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from lab.compare.tally import tally, whole
from lab.errors import RunError
from lab.records import Comparison, SelfCheck
from lab.records.telling import apart
from lab.store import Store, glance


def comparison_to_go_on_with(store: Store, named: str | None) -> Comparison:
    """Return the comparison whose id begins so, or the newest that can be resumed.

    A comparison that is finished, had nothing to measure, or is part of a self-check (which is resumed as a whole)
    must be named. Raises `RunError` and `StoreError`.
    """
    if named not in {None, "last"}:
        return store.comparison(str(named))
    for found in glance.newest(store.root, ("comparison",)):
        if found.status != "finished" and found.runs and not found.part_of:
            return store.comparison(found.id)
    raise RunError(
        "there is no comparison to resume: start one with `lab compare A B --scenario NAME`, or print a finished "
        "one again, `lab show ID`"
    )


def newest_that_judged(records: Sequence[SelfCheck]) -> SelfCheck | None:
    """Return the newest self-check that judged a comparison; `records` are newest first."""
    return next((record for record in records if judged(record)), None)


def judged(record: SelfCheck) -> bool:
    """Return whether a self-check has judged any comparison yet."""
    count = tally(record)
    return count.alike + count.slowed > 0


def selfcheck_to_go_on_with(records: Sequence[SelfCheck], *, longer: bool) -> SelfCheck | None:
    """Return the newest self-check that was interrupted; `records` are newest first.

    With `longer`, one that spent its budget before it was complete also qualifies.
    """
    return next((each for each in records if each.status != "finished" or (longer and lacking(each))), None)


def lacking(record: SelfCheck) -> bool:
    """Return whether a self-check has not measured everything it was asked for."""
    return len(whole(record).live) < record.wanted + record.wanted_injected


def newest_selfcheck(store: Store, device: str) -> tuple[SelfCheck, SelfCheck]:
    """Return a device's newest self-check that judged anything (else the newest), and the newest of all.

    Raises `RunError` when it has none.
    """
    found = store.selfchecks(device)
    if not found:
        raise RunError(
            f"{device}: no self-check of it yet; make one with `lab selfcheck --device {shlex.quote(device)}`"
        )
    return newest_that_judged(found) or found[0], found[0]


def selfcheck_to_resume(store: Store, device: str, budget_s: float | None) -> SelfCheck:
    """Return the self-check of a device to be resumed, with `budget_s` seconds in total where that is given.

    Raises `RunError` when there is none, and when it has taken that long already.
    """
    found = selfcheck_to_go_on_with(store.selfchecks(device), longer=budget_s is not None)
    if found is None:
        more = "" if budget_s is not None else "; to extend one that spent its budget, add --budget SECONDS"
        raise RunError(
            f"{device}: there is no self-check to resume (`lab selfcheck --show --device {shlex.quote(device)}` "
            f"prints the newest){more}"
        )
    if budget_s is None:
        return found
    if budget_s <= found.spent_s:
        spent, given = apart(found.spent_s, budget_s)
        raise RunError(
            f"self-check {found.id} has taken {spent} s already: wanted a --budget of more than that, "
            f"for all of it, found {given}"
        )
    return replace(found, budget_s=budget_s)
