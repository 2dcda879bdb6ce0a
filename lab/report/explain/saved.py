"""From a saved run to its explanation."""

from __future__ import annotations

from dataclasses import replace

from lab.errors import StoreError
from lab.records import Run
from lab.report.evidence import evidence_of
from lab.report.explain.view import Explanation
from lab.report.explain.view import explain as explanation_of
from lab.report.verdict.saved import verdict_of
from lab.scenario.load import heading_of
from lab.store import Store
from lab.trial.metrics import METRICS


def explained(store: Store, record: Run) -> Explanation:
    """Return the explanation of a saved run; raise `StoreError` for a damaged file of its own."""
    metric = METRICS[heading_of(record).metric]
    folder = store.trials_folder(record.id)
    examined = store.examined(record.id)
    kept = [evidence_of(trial, folder / f"{trial.number:04d}") for trial in examined.kept]
    found = explanation_of(record, kept, metric)
    lost = tuple(f"Damaged or changed later, and not looked at: {words}." for words in examined.problems)
    return replace(found, common=(*lost, *found.common), verdict=_verdict(store, record))


def _verdict(store: Store, record: Run) -> tuple[str, ...]:
    """Return what was found of the two sides, if the run is one; the other side or the comparison may be gone."""
    if record.comparison is None:
        return ()
    try:
        found, _ = verdict_of(store, store.comparison(record.comparison))
    except StoreError as error:
        return (f"unknown: {error}",)
    return (*(each.sentence for each in found.cells), *found.beside)
