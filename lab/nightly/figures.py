"""The figures of a night from its runs: the median of a cell's trial medians."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from statistics import median, stdev

from lab.records import BuildAt, Run, Series, Trial, Value
from lab.records.telling import number_of
from lab.scenario.load import heading_of
from lab.stats.sample import counted, trial_median
from lab.trial.metrics import METRICS

LEAST_TRIALS = 3
"""Fewest trials that give a figure: the median of fewer follows a single outlier. A judgement."""

KIND = "device kind"
"""The fact of a figure's context that keeps phones, virtual phones and this machine apart."""

_SPLITTING = {
    KIND: ("device_kind",),
    "device software": ("device_fingerprint",),
    "agent": ("device_agent", "device_numpy", "device_python"),
    "runtime": ("device_runtime",),
    "profile": ("profile",),
    "definition": ("cells", "gates", "warmup", "iterations", "cpu_time_least", "duration_s"),
}
"""Fact of a figure's context -> the facts of a run's Context that it stands for."""


def figures_of(run: Run, trials: Sequence[Trial], build: BuildAt) -> tuple[list[Value], list[str]]:
    """Return the figure of each cell of a run, and a sentence for each cell that has none.

    Raises `ScenarioError` for a run whose scenario this lab cannot read.
    """
    metric = METRICS[heading_of(run).metric]
    context = context_of(run)
    values, missing = [], []
    for cell in run.cells:
        of_cell = [trial for trial in trials if trial.cell == cell.key and trial.purpose == "time"]
        medians = [trial_median(kept) for trial in of_cell if (kept := counted(trial, metric.name))]
        if len(medians) < LEAST_TRIALS:
            missing.append(f"{cell.key}: {', '.join(_lost(of_cell, len(medians)))}")
            continue
        series = Series(run.scenario, cell.key, run.build_line, metric.name, run.device)
        logs = [math.log(each) for each in medians]
        values.append(
            Value(
                series=series,
                metric=metric,
                build=build,
                run=run.id,
                value=median(medians),
                error=stdev(logs) / math.sqrt(len(logs)),
                trials=len(medians),
                lost=len(of_cell) - len(medians),
                context=context,
            )
        )
    return values, missing


def context_of(run: Run) -> Mapping[str, str]:
    """Return whatever splits a history when it changes, the lab's own version included."""
    facts = run.context.facts
    inputs = [name for name in facts if name.startswith("work_")]
    found = {"lab": version("pocketlab")}
    for name, parts in _SPLITTING.items():
        named = {
            part: facts[part] for part in (*parts, *(inputs if name == "definition" else ())) if part in facts
        }
        if len(named) == 1:
            (found[name],) = named.values()
        elif named:
            found[name] = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:12]
    return found


def _lost(trials: Sequence[Trial], counting: int) -> Iterator[str]:
    """Yield why a cell has no figure."""
    yield f"{counting} of {number_of(len(trials), 'trial')} counted, wanted {LEAST_TRIALS}"
    reasons = Counter(str(trial.reason or "unsteady") for trial in trials if not trial.valid)
    yield from (f"{count} {reason}" for reason, count in reasons.most_common())
