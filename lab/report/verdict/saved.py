"""From a saved comparison to what `lab compare` prints of it."""

from __future__ import annotations

from collections.abc import Sequence

from lab.builds.folder import Build
from lab.compare.newest import newest_that_judged
from lab.compare.stored import dimension_between, ratio_of
from lab.errors import LabError, StoreError
from lab.records import Comparison, Run, Trial
from lab.report.verdict.sides import Manifests
from lab.report.verdict.view import View, view
from lab.store import Store
from lab.trial.metrics import METRICS


def verdict_of(
    store: Store, comparison: Comparison, outside: Sequence[Build] = ()
) -> tuple[View, tuple[list[Trial], list[Trial]]]:
    """Return the view of a saved comparison, and the trials of its baseline and of its candidate.

    `outside` are builds that the comparison measured and that the store does not have. Raises `StoreError` when
    the comparison and its runs do not belong together.
    """
    baseline, candidate = (store.run(each) for each in (comparison.baseline_run, comparison.candidate_run))
    _check(comparison, baseline, candidate)
    trials = store.trials(baseline.id), store.trials(candidate.id)
    check = newest_that_judged(store.selfchecks(comparison.device))
    manifests = {**_manifests(store, (baseline, candidate)), **{each.id: each.manifest for each in outside}}
    return view(comparison, (baseline, trials[0]), (candidate, trials[1]), check, manifests=manifests), trials


def beside_of(store: Store, baseline: Run, candidate: Run) -> tuple[View, tuple[list[Trial], list[Trial]]]:
    """Return the view of two runs that were measured apart, which has no verdict; nothing is saved.

    Raises `RunError` as :func:`lab.compare.stored.ratio_of` does.
    """
    dimension = dimension_between(baseline, candidate)
    return verdict_of(store, ratio_of(store, baseline, candidate, dimension))


def _check(comparison: Comparison, baseline: Run, candidate: Run) -> None:
    """Raise `StoreError` unless a comparison names a metric that is known and cells that both runs have."""
    at, restore = f"comparison {comparison.id}", "restore the comparison or the run from a copy"
    if comparison.metric not in METRICS:
        raise StoreError(f"{at}: no such metric: {comparison.metric!r}; {restore}, or update pocketlab")
    places = {cell.key: place for place, cell in enumerate(baseline.cells)}
    others = {cell.key for cell in candidate.cells}
    for key in (each.cell for each in comparison.cells):
        if key not in places:
            raise StoreError(f"{at}: its run {baseline.id} has no cell {key!r}; {restore}")
        if key not in others and places[key] >= len(candidate.cells):
            raise StoreError(f"{at}: its run {candidate.id} has no cell in the place of {key!r}; {restore}")


def _manifests(store: Store, runs: Sequence[Run]) -> Manifests:
    """Return the manifests of the builds that the store has; one that is gone or damaged is left out."""
    found = {}
    for build in {run.build for run in runs}:
        try:
            found[build] = store.find_build(build).manifest
        except LabError:
            continue
    return found
