"""A comparison that asked the same question before."""

from __future__ import annotations

from lab.compare.comparison import Side, reopen, runs_of
from lab.errors import RunError, StoreError
from lab.records import Comparison
from lab.store import Store


def known_comparison(store: Store, baseline: Side, candidate: Side) -> Comparison | None:
    """Return the newest comparison of these builds in these cells, on this device in this context.

    It is finished, or can be resumed. Raises `StoreError`.
    """
    scenario, device = baseline.scenario, baseline.bench.device.identity.name
    asked = (scenario.name, scenario.metric, device, "build")
    for each in store.comparisons():
        if (each.scenario, each.metric, each.device, each.dimension) != asked:
            continue
        if each.baseline_run and each.looks_most and _same(store, each, baseline, candidate):
            return each
    return None


def _same(store: Store, comparison: Comparison, *sides: Side) -> bool:
    try:
        runs = runs_of(store, comparison).values()
        reopen(comparison, *sides)
    except (RunError, StoreError):  # measured in another context, or no longer there
        return False
    return all(
        (run.build, run.cells, run.inject) == (side.bench.build.id, side.scenario.cells, None)
        for run, side in zip(runs, sides, strict=True)
    )
