"""Run all benchmarks, or those named. Exit status 3 if a claim was not met."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import device_agents.reference  # noqa: F401 - turns the runtime's telemetry off before it is loaded
from benchmarks import (
    NOT_MET,
    agent_overhead,
    agent_parity,
    between_trials,
    caches,
    change_limits,
    changes,
    changes_rival,
    comparison_sentences,
    coverage,
    dashboard,
    dashboard_charts,
    evidence,
    families,
    full_size,
    growth,
    llama_pair,
    night_reports,
    night_scale,
    nightly,
    percentiles,
    pipeline_model,
    prefill_chunks,
    products,
    push,
    recipes,
    rivals,
    run_sentences,
    start_up,
    verdicts,
    vitals,
    warm_up,
)
from benchmarks.pairs import machine
from device_agents import ending
from lab.device.cores import lock_path, measuring
from lab.errors import LabError
from lab.store import Store

ALL: Mapping[str, tuple[Callable[[Path], bool], tuple[str, ...]]] = {
    "agent_overhead": (agent_overhead.run, ("bench-paper",)),
    "agent_parity": (agent_parity.run, ("nano-paper",)),
    "between_trials": (between_trials.run, ("nano-paper",)),
    "caches": (caches.run, ()),
    "dashboard": (dashboard.run, ()),
    "dashboard_charts": (dashboard_charts.run, ()),
    "full_size": (full_size.run, ()),
    "growth": (growth.run, ("nano-paper",)),
    "llama_pair": (llama_pair.run, ()),
    "night_reports": (night_reports.run, ()),
    "night_scale": (night_scale.run, ()),
    "pipeline_model": (pipeline_model.run, ("nano-paper",)),
    "prefill_chunks": (prefill_chunks.run, ("bench-w8a8",)),
    "prefill_chunks_w4": (partial(prefill_chunks.run, claimed=False), ("bench-paper",)),
    "products": (products.run, ()),
    "push": (push.run, ()),
    "push_candidates": (push.compare, ()),
    "recipes": (recipes.run, ()),
    "recipes_bench": (partial(recipes.run, preset="bench"), ()),
    "start_up": (start_up.run, ("nano-paper",)),
    "vitals": (vitals.run, ()),
}
"""Timed benchmarks, and the build lines each runs on (none: it makes its own data); one result per build."""

STATISTICS: Mapping[str, Callable[[], bool]] = {
    "verdicts": verdicts.run,
    "evidence": evidence.run,
    "comparison_sentences": comparison_sentences.run,
    "families": families.run,
    "rivals": rivals.run,
    "coverage": coverage.run,
    "percentiles": percentiles.run,
    "nightly": nightly.run,
    "run_sentences": run_sentences.run,
    "warm_up": warm_up.run,
    "changes": changes.run,
    "changes_rival": changes_rival.run,
    "change_limits": change_limits.run,
}
"""Benchmarks of the statistics: seeded, without builds, and without the machine's lock: one reads CPU time."""


def main() -> int:
    """Parse, run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join((*ALL, *STATISTICS))} (default: all)")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("POCKETLAB_DATA", "lab-data")))
    arguments = parser.parse_args()
    names = arguments.names or [*ALL, *STATISTICS]
    unknown = set(names) - set(ALL) - set(STATISTICS)
    if unknown:
        parser.error(f"wanted some of {', '.join((*ALL, *STATISTICS))}; found {', '.join(sorted(unknown))}")
    met = judge_statistics([name for name in names if name in STATISTICS])
    timed = [name for name in names if name in ALL]
    if not timed:
        return 0 if met else NOT_MET
    try:
        with measuring(lock_path(), wait_s=900):
            return run(timed, Store(arguments.data)) or (0 if met else NOT_MET)
    except LabError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2


def judge_statistics(names: list[str]) -> bool:
    """Run the named benchmarks of the statistics; True if every claim was met."""
    met = True
    for name in names:
        print(f"\n{(sys.modules[STATISTICS[name].__module__].__doc__ or name).splitlines()[0]}", flush=True)
        met = STATISTICS[name]() and met
    return met


def run(names: list[str], store: Store) -> int:
    """Run the named benchmarks on the store's builds, under the machine's measuring lock; return the exit code."""
    print(machine())
    met = True
    for name in names:
        benchmark, lines = ALL[name]
        if not isinstance(benchmark, partial):  # a partial continues under the previous heading
            print(f"\n{(sys.modules[benchmark.__module__].__doc__ or name).splitlines()[0]}", flush=True)
        for folder in [store.find_build(line).folder for line in lines] or [store.root]:
            met = benchmark(folder) and met
    return 0 if met else NOT_MET


if __name__ == "__main__":
    ending.run("benchmarks", main)
