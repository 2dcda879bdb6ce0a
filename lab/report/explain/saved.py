"""From a saved run to its explanation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.errors import StoreError
from lab.records import Run
from lab.records.explanation import Explanation
from lab.report.evidence import evidence_of
from lab.report.explain.view import explain as explanation_of
from lab.report.kept import EXPLANATION, digest, judged_beside, keep
from lab.report.verdict.saved import verdict_of
from lab.report.wording import plain
from lab.scenario.load import heading_of
from lab.store import Store
from lab.trial.metrics import METRICS


def explained(store: Store, record: Run) -> Explanation:
    """Return the explanation of a saved run, and keep it; raise `StoreError` for a damaged file of its own."""
    own = store.trials_folder(record.id).parent
    beside = _beside(store, record)
    computed_from = digest(own, beside or ())  # before anything is read: a change meanwhile makes it invalid
    metric = METRICS[heading_of(record).metric]
    folder = store.trials_folder(record.id)
    examined = store.examined(record.id)
    kept = [evidence_of(trial, folder / f"{trial.number:04d}") for trial in examined.kept]
    found = explanation_of(record, kept, metric)
    lost = (plain(f"Damaged or changed later, and not looked at: {words}.") for words in examined.problems)
    verdict, steps = _verdict(store, record)
    found = replace(found, common=(*lost, *found.common), verdict=verdict, advice=steps or found.advice)
    if beside is not None:
        keep(own / EXPLANATION, computed_from, found)
    return found


def _beside(store: Store, record: Run) -> list[Path] | None:
    """Return the files that an explanation is made of beside the run's own; None when they cannot be read."""
    try:
        return judged_beside(store.root, record.id)
    except StoreError:
        return None


def _verdict(store: Store, record: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what was found of the two sides, if the run is one; the other side or the comparison may be gone.

    Of a comparison that ended before its first valid pair it is the cause, and second what to do about that.
    """
    if record.comparison is None:
        return (), ()
    try:
        found, _ = verdict_of(store, store.comparison(record.comparison))
    except StoreError as error:
        return (f"unknown: {error}",), ()
    if found.stopped:
        cause, *steps = found.stopped.splitlines()
        resume = f"`lab compare --resume {record.comparison[:13]}` measures what is missing."
        again = f"Then {resume}" if steps else f"When the cause is gone, {resume}"
        return (cause,), tuple(plain(step) for step in (*steps[:1], again, *steps[1:]))
    return (*(each.sentence for each in found.cells), *found.beside), ()
