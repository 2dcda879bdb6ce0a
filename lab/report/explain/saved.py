"""From a saved run to its explanation."""

from __future__ import annotations

from lab.records import Run
from lab.report.evidence import evidence_of
from lab.report.explain.view import Explanation
from lab.report.explain.view import explain as explanation_of
from lab.scenario.load import heading_of
from lab.store import Store
from lab.trial.metrics import METRICS


def explained(store: Store, record: Run) -> Explanation:
    """Return the explanation of a saved run; raise `StoreError` for a damaged file of its own."""
    metric = METRICS[heading_of(record).metric]
    folder = store.trials_folder(record.id)
    kept = [evidence_of(trial, folder / f"{trial.number:04d}") for trial in store.trials(record.id)]
    return explanation_of(record, kept, metric)
