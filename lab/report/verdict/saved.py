"""From a saved comparison to what `lab compare` prints of it."""

from __future__ import annotations

from collections.abc import Sequence

from lab.builds.folder import Build
from lab.compare.newest import newest_that_judged
from lab.errors import LabError
from lab.records import Comparison, Run, Trial
from lab.report.verdict.sides import Manifests
from lab.report.verdict.view import View, view
from lab.store import Store


def verdict_of(
    store: Store, comparison: Comparison, outside: Sequence[Build] = ()
) -> tuple[View, tuple[list[Trial], list[Trial]]]:
    """Return the view of a saved comparison, and the trials of its baseline and of its candidate.

    `outside` are builds that the comparison measured and that the store does not have.
    """
    baseline, candidate = (store.run(each) for each in (comparison.baseline_run, comparison.candidate_run))
    trials = store.trials(baseline.id), store.trials(candidate.id)
    check = newest_that_judged(store.selfchecks(comparison.device))
    manifests = {**_manifests(store, (baseline, candidate)), **{each.id: each.manifest for each in outside}}
    return view(comparison, (baseline, trials[0]), (candidate, trials[1]), check, manifests=manifests), trials


def _manifests(store: Store, runs: Sequence[Run]) -> Manifests:
    """Return the manifests of the builds that the store has; one that is gone or damaged is left out."""
    found = {}
    for build in {run.build for run in runs}:
        try:
            found[build] = store.find_build(build).manifest
        except LabError:
            continue
    return found
