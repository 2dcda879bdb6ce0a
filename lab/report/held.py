"""The figures of a run's memory pass, as an answer shows them beside those of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.records import Cell, Interval, Metric, Trial
from lab.stats.sample import LEVEL
from lab.trial import memory

MIB = 2**20


def held(cells: Sequence[Cell], trials: Sequence[Trial]) -> dict[str, tuple[Metric, Mapping[str, Interval]]]:
    """Return metric -> (what it is, cell -> MiB) of the valid trials of the memory pass; empty without one.

    One trial a cell: no interval. Where a pass was repeated the largest counts, as for any peak.
    """
    found: dict[str, tuple[Metric, Mapping[str, Interval]]] = {}
    passed = [trial for trial in trials if trial.valid and trial.purpose == "memory"]
    for name, metric in memory.METRICS.items():
        peaks = {
            cell.key: max(values)
            for cell in cells
            if (values := [t.samples[name][0] for t in passed if t.cell == cell.key and t.samples.get(name)])
        }
        if peaks:
            shown = Metric(name, metric.label, "MiB", metric.better)
            found[name] = shown, {key: Interval(peak / MIB, None, None, LEVEL, 1) for key, peak in peaks.items()}
    return found
