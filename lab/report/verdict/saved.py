"""From a saved comparison to what `lab compare` prints of it."""

from __future__ import annotations

from lab.compare.newest import newest_that_judged
from lab.records import Comparison, Trial
from lab.report.verdict.view import View, view
from lab.store import Store


def verdict_of(store: Store, comparison: Comparison) -> tuple[View, tuple[list[Trial], list[Trial]]]:
    """Return the view of a saved comparison, and the trials of its baseline and of its candidate."""
    baseline, candidate = (store.run(each) for each in (comparison.baseline_run, comparison.candidate_run))
    trials = store.trials(baseline.id), store.trials(candidate.id)
    check = newest_that_judged(store.selfchecks(comparison.device))
    return view(comparison, (baseline, trials[0]), (candidate, trials[1]), check), trials
