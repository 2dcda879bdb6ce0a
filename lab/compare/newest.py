"""Which saved comparison or self-check a command means that names none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.compare.tally import tally, whole
from lab.errors import RunError
from lab.records import Comparison, SelfCheck
from lab.store import Store


def comparison_to_go_on_with(store: Store, named: str | None) -> Comparison:
    """Return the comparison whose id begins so, or the newest that can go on; raises `RunError` and `StoreError`.

    One that is finished, had nothing to measure, or is part of a self-check, which goes on as a whole, must be
    named.
    """
    if named not in {None, "last"}:
        return store.comparison(str(named))
    checks = store.selfchecks()
    for found in store.comparisons():
        own = not any(_made(check, found) for check in checks)
        if found.status != "finished" and found.baseline_run and own:
            return found
    raise RunError(
        "there is no comparison to go on with: begin one with `lab compare A B`, or name one that is finished to "
        "print it again, `lab compare --resume ID`"
    )


def _made(check: SelfCheck, found: Comparison) -> bool:
    """Tell whether a self-check measured a comparison; the one it was left in is not in its record yet.

    That one is known by what it compares and by its seed, which is drawn from 2^31 and counts on.
    """
    if any(live.comparison == found.id for live in check.live):
        return True
    alike = (check.device, check.scenario, "parameter") == (found.device, found.scenario, found.dimension)
    number = found.seed - check.seed
    return alike and check.started_utc <= found.started_utc and 0 <= number < check.wanted + check.wanted_injected


def newest_that_judged(records: Sequence[SelfCheck]) -> SelfCheck | None:
    """Return the newest self-check, of those newest first, that judged a comparison: the others tell nothing."""
    return next((record for record in records if judged(record)), None)


def judged(record: SelfCheck) -> bool:
    """Tell whether a self-check judged any comparison yet."""
    count = tally(record)
    return count.alike + count.slowed > 0


def selfcheck_to_go_on_with(records: Sequence[SelfCheck], *, longer: bool) -> SelfCheck | None:
    """Return the newest self-check, of those newest first, that was left early.

    Where it may take `longer`, one that ended because its time was spent, too.
    """
    return next((each for each in records if each.status != "finished" or (longer and lacking(each))), None)


def lacking(record: SelfCheck) -> bool:
    """Tell whether a self-check has not measured all that it was asked for."""
    return len(whole(record).live) < record.wanted + record.wanted_injected


def newest_selfcheck(store: Store, device: str) -> tuple[SelfCheck, SelfCheck]:
    """Return a device's newest self-check that judged anything (else the newest), and the newest of all.

    Raises `RunError` when it has none.
    """
    found = store.selfchecks(device)
    if not found:
        raise RunError(f"{device}: no self-check of it yet; make one with `lab selfcheck --device {device}`")
    return newest_that_judged(found) or found[0], found[0]


def selfcheck_to_resume(store: Store, device: str, budget_s: float | None) -> SelfCheck:
    """Return the self-check of a device to be resumed, with `budget_s` seconds in total where that is given.

    Raises `RunError` when there is none, and when it has taken that long already.
    """
    found = selfcheck_to_go_on_with(store.selfchecks(device), longer=budget_s is not None)
    if found is None:
        more = "" if budget_s is not None else "; to extend one that spent its budget, add --budget SECONDS"
        raise RunError(
            f"{device}: there is no self-check to resume (`lab selfcheck --show` prints the newest){more}"
        )
    if budget_s is None:
        return found
    if budget_s <= found.spent_s:
        raise RunError(
            f"self-check {found.id} has taken {found.spent_s:.0f} s already: wanted a --budget of more than that, "
            f"for all of it, found {budget_s:g}"
        )
    return replace(found, budget_s=budget_s)
