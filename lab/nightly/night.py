"""One night from beginning to end: plan, measure, screen, confirm, judge; resumed after any cut."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from lab.errors import LabError, RunError
from lab.files import disk_errors, locked
from lab.identifiers import now_utc
from lab.nightly.conclude import conclude
from lab.nightly.confirm import Confirmer
from lab.nightly.coverage import gaps
from lab.nightly.measure import Seams, measured
from lab.nightly.plan import last_before
from lab.records import Night
from lab.scenario.nights import Policy
from lab.store import Store

log = logging.getLogger(__name__)


RESUMED_H = 18
"""Hours after its beginning for which a cut night is resumed. A judgement: then the next one is due."""


@contextmanager
def the_only_nightly(store: Store) -> Iterator[None]:
    """Hold the data root for one nightly; raises `RunError` if another one is at work in it."""

    def refuse(holder: str) -> RunError:
        return RunError(
            f"{store.root}: another nightly is at work here ({holder}); this one measured nothing. Wait for it, "
            "or name another data root with --data"
        )

    with disk_errors("lock the nights", store.root), locked(store.root / "nightly.lock", refuse=refuse):
        yield


def to_resume(store: Store, suite: str, utc: str) -> Night | None:
    """Return the newest night of a suite if it did not come to its end and is not too old; None otherwise."""
    newest = next(iter(store.nights(suite)), None)
    if newest is None or newest.status == "finished":
        return None
    age = datetime.fromisoformat(utc) - datetime.fromisoformat(newest.started_utc)
    return store.night(newest.id) if age < timedelta(hours=RESUMED_H) else None


def finished_on(store: Store, suite: str, date: str) -> Night | None:
    """Return the finished night of a suite with this date; None if there is none."""
    found = next((row.id for row in store.nights(suite, "finished") if row.date == date), None)
    return store.night(found) if found else None


def go_on(
    store: Store,
    night: Night,
    seams: Seams,
    policy: Policy,
    away: Mapping[str, str],
    *,
    tell: Callable[[str], None],
    utc: Callable[[], str] = now_utc,
) -> Night:
    """Do whatever a night lacks, and return it finished: measure, screen, confirm, judge.

    Everything is saved as it comes, and a night that was cut in any phase goes on from there. `away` is device ->
    why it cannot be used. Raises `StoreError`, `DiskFull` and `KeyboardInterrupt`, after marking the night; and
    `RunError` if nothing at all was measured.
    """
    night = replace(night, status="running", ended_utc=None)
    store.save_night(night)
    try:
        found = measured(store, night, seams, away)
        silent = gaps(night.planned, found.done, found.why, last_before(store, night.suite, night.date))
        night = replace(night, gaps=silent, spent_s=found.spent_s)
        if not found.values:
            reasons = "; ".join(dict.fromkeys(f"{gap.planned.device}: {gap.why}" for gap in silent[:3]))
            raise RunError(f"the night of {night.date} measured nothing: {reasons}")
        tell(f"{len(found.values)} series measured; screening them")
        confirm = Confirmer(store, night, seams)
        return conclude(store, night, found.values, confirm, policy=policy, utc=utc)
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt | GeneratorExit)
        _mark(store, night, "interrupted" if interrupted else "failed", utc())
        raise


def _mark(store: Store, night: Night, status: Literal["interrupted", "failed"], utc: str) -> None:
    """Mark a night that did not come to its end. Log an error in doing so: the first error matters more."""
    try:
        store.save_night(replace(night, status=status, ended_utc=utc))
    except LabError as error:
        log.info("night %s could not be marked %s: %s", night.date, status, error)
