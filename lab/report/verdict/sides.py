"""The two sides of a comparison in words: their names, the accuracy of their builds, the load beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_agents.contract import ForeignManifest, InvalidReason, Manifest
from lab.records import BUSY, Comparison, Metric, Run, Trial
from lab.report.lost import do
from lab.report.wording import cell_phrase, kind_of, listing, number_of, plain, stated, varying
from lab.stats.sample import counted

Names = tuple[str, str]
"""The names of the baseline and of the candidate."""

Manifests = Mapping[str, Manifest | ForeignManifest]
"""Id of a build -> its manifest; builds that could not be found are left out."""


def names_of(comparison: Comparison, baseline: Run, candidate: Run) -> Names:
    """Return the names of both sides by what differs: builds, cells or devices.

    Equal names get the start of the build's id, or A and B where that is equal too.
    """
    runs = (baseline, candidate)
    told = varying([*baseline.cells, *candidate.cells])
    names = [run.build_line for run in runs]
    if comparison.dimension == "device":
        names = [run.device for run in runs]
    elif comparison.dimension == "parameter" and told and len(baseline.cells) == 1:
        names = [cell_phrase(run.cells[0], told) for run in runs]
    names = [_slowed(name, run) for name, run in zip(names, runs, strict=True)]
    if names[0] == names[1]:
        ids = [run.build[:8] for run in runs] if baseline.build != candidate.build else ["A", "B"]
        names = [f"{name} ({short})" for name, short in zip(names, ids, strict=True)]
    return plain(names[0]), plain(names[1])


def accuracy_words(names: Names, runs: tuple[Run, Run], manifests: Manifests) -> str:
    """Return the accuracy that the manifests of both builds state: top-1 agreement with fp32, as exported."""
    builds = {run.build: name for run, name in zip(runs, names, strict=True)}
    if not any(build in manifests for build in builds):
        return "Accuracy unknown: the data root no longer has the builds, whose manifests state it."
    if len(builds) == 1:
        builds = {runs[0].build: f"{runs[0].build_line}, on both sides,"}
    stated = [f"{name} {_accuracy(manifests.get(build))}" for build, name in builds.items()]
    return plain(f"Top-1 agreement with fp32, stated by the manifests and not measured here: {listing(stated)}.")


def busy_words(run: Run, trials: Sequence[Trial], metric: Metric) -> str:
    """Return how many of the trials that count began while something else kept the cores busy."""
    where = "machine" if kind_of(run) == "host" else "device"
    kept = [trial for trial in trials if counted(trial, metric.name)]
    seen = [trial for trial in kept if "gate_waited_s" in trial.notes]
    if not kept:
        return ""
    if not seen:
        return f"Whether the {where} was busy is unknown: nobody read its load before the trials."
    busy = sum(BUSY in trial.flags for trial in seen)
    starved = sum(trial.reason is InvalidReason.STARVED for trial in trials)
    how = "busy" if busy else "not always quiet" if starved else "quiet"
    lost = f"; {starved} more {do(starved)} not count, starved by it" if starved else ""
    return (
        f"The {where} was {how}: {busy} of {number_of(len(seen), 'counted trial')} began while something else "
        f"used its cores{lost}."
    )


def busy_clause(run: Run, trials: Sequence[Trial], metric: Metric) -> str:
    """Return e.g. ``, on a busy machine: 35 of 35 trials``; empty when none of those that count was."""
    kept = [trial for trial in trials if counted(trial, metric.name)]
    busy = sum(BUSY in trial.flags for trial in kept)
    where = "machine" if kind_of(run) == "host" else "device"
    return f", on a busy {where}: {busy} of {number_of(len(kept), 'trial')}" if busy else ""


def _slowed(name: str, run: Run) -> str:
    """Return a side's name, with the slow-down by which the lab tests itself."""
    if run.inject is None:
        return name
    return f"{name} with {run.inject.stage} slowed by {stated(run.inject.slow_down - 1)}"


def _accuracy(manifest: Manifest | ForeignManifest | None) -> str:
    if manifest is None:
        return "unknown (its build is not in the data root)"
    if isinstance(manifest, ForeignManifest):
        return "unknown (its manifest states none)"
    error = manifest.recipe_error
    return f"{100 * error.top1_agreement:.1f} % of {number_of(error.positions, 'position')}"
