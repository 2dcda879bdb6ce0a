"""The curves of a sustained run, from the raw lines of its trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.records import Metric, Sustained, Trial
from lab.report.evidence import curve_of
from lab.stats.sample import usable
from lab.stats.sustained import sustained


def curves_of(trials: Sequence[Trial], folder: Path, metric: Metric) -> tuple[Sustained, ...]:
    """Return the curve of each valid trial that was timed; `folder` holds the run's trials by number.

    A metric in seconds becomes a rate, its reciprocal. Trials whose raw lines do not match their samples are left
    out.
    """
    found = []
    for trial in trials:
        values = trial.samples.get(metric.name, ())
        if not trial.valid or trial.purpose != "time" or not values or not usable(values):
            continue
        iterations, warm = curve_of(folder / f"{trial.number:04d}")
        if len(iterations) < len(values):  # a trial ended early has one more: its last iteration does not count
            continue
        rates = [1 / value for value in values] if metric.unit == "s" else list(values)
        unit = "1/s" if metric.unit == "s" else metric.unit
        points = [(start, rate) for (start, _), rate in zip(iterations, rates, strict=False)]
        found.append(sustained(points, trial=trial.number, cell=trial.cell, unit=unit, celsius=warm))
    return tuple(found)
