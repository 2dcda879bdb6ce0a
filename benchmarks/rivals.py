"""The rules of other tools on the same sessions: false verdicts and changes found, side by side.

A session is 48 trials of 30 iterations in time order, on one device, of two builds; each rule uses the part it
would have measured. No tool was written for these data; only the rules are compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu

from benchmarks import noise
from benchmarks.noise import Floats
from lab.stats.interval import Looks
from lab.stats.many import drawn_orders, judge_many

SEED = 4
SESSIONS = 2_000
TRIALS, ITERATIONS = 48, 30
WITHIN_CV = 0.01
"""Spread inside a trial; the median over the JMH processes behind the development data is 1.0 %."""

LAG_ONE = 0.43
"""Correlation of neighbouring iterations: the median over the same processes."""

SLOWER = (0.0, 0.05, 0.10)
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
Rule = Callable[[Floats, Floats], tuple[Flags, float]]
"""Sides as (sessions, trials, iterations) of seconds -> "changed" of each session, trials used in the mean."""


def ours(old: Floats, new: Floats) -> tuple[Flags, float]:
    """Judge trial medians paired by block, sequentially, with at most 24 pairs."""
    logs = np.log(np.median(new, axis=2) / np.median(old, axis=2))
    judged = judge_many(logs, Looks(most=logs.shape[1]), drawn_orders(np.random.default_rng(SEED), *logs.shape))
    changed = (judged.verdicts == "regressed") | (judged.verdicts == "improved")
    return changed, 2 * float(judged.pairs.mean())


def llama_bench(old: Floats, new: Floats) -> tuple[Flags, float]:
    """Compare mean and standard deviation of five repetitions in one process; changed if bands do not overlap."""
    a, b = old[:, 0, :5], new[:, 0, :5]
    reach = a.std(axis=1, ddof=1) + b.std(axis=1, ddof=1)
    return np.abs(a.mean(axis=1) - b.mean(axis=1)) > reach, 2


def fai_pep(old: Floats, new: Floats) -> tuple[Flags, float]:
    """FAI-PEP's only detector: both latest medians exceed the p90 of 14 earlier p90s plus a tenth of their range.

    Finds only slow-downs (benchmarking/regression_detectors of facebook/FAI-PEP, Apache-2.0; the rule, not code).
    """
    p90s = np.sort(np.percentile(old[:, :14], 90, axis=2), axis=1)
    limit = p90s[:, int(14 * 9 / 10)] + (p90s[:, -1] - p90s[:, 0]) / 10
    return np.asarray((np.median(new[:, :2], axis=2) > limit[:, None]).all(axis=1)), 16


def mann_whitney(old: Floats, new: Floats) -> tuple[Flags, float]:
    """Run a two-sided Mann-Whitney test at .05 on the pooled iterations of five trials per side."""
    a, b = (side[:, :5].reshape(len(side), -1) for side in (old, new))
    return np.asarray(mannwhitneyu(a, b, axis=1, method="asymptotic").pvalue < 0.05), 10


RULES: Mapping[str, Rule] = {
    "ours": ours,
    "llama-bench, mean -+ sd of 5": llama_bench,
    "FAI-PEP, p50 against history": fai_pep,
    "Mann-Whitney, pooled iterations": mann_whitney,
}


def generated(generator: np.random.Generator) -> Floats:
    """Return sessions with 3 % between trials and 1 % of correlated noise within."""
    within = generator.normal(0, 1, (SESSIONS, TRIALS, ITERATIONS))
    for place in range(1, ITERATIONS):
        within[..., place] = LAG_ONE * within[..., place - 1] + np.sqrt(1 - LAG_ONE**2) * within[..., place]
    levels = noise.normal(generator, SESSIONS, TRIALS)
    return np.asarray(np.exp(levels[..., None] + WITHIN_CV * within), dtype=np.float64)


def processes(generator: np.random.Generator, folder: Path) -> Floats:
    """Return sessions of real processes: each trial is a stretch of a process's steady part, of one benchmark."""
    labels = json.loads((folder / "warmup_dev_labels.json").read_text(encoding="utf-8"))
    with np.load(folder / "warmup_dev.npz") as arrays:
        names, seconds = arrays["names"].tolist(), arrays["seconds"].astype(np.float64)
    settled = [i for i, name in enumerate(names) if labels[name]["benchmark_class"] == "steady state"]
    sessions = np.empty((SESSIONS, TRIALS, ITERATIONS))
    for session in sessions:
        benchmark = settled[generator.integers(len(settled))]
        starts = labels[names[benchmark]]["steady_start"]
        for trial in session:
            process = int(generator.integers(seconds.shape[1]))
            first = int(generator.integers(starts[process], seconds.shape[2] - ITERATIONS))
            trial[:] = seconds[benchmark, process, first : first + ITERATIONS]
    return sessions


def table(sessions: Floats) -> Iterator[tuple[str, list[float], float]]:
    """Yield each rule's share of sessions called changed at 0, 5 and 10 % slower, and its mean trials."""
    old, new = sessions[:, 0::2], sessions[:, 1::2]
    for name, rule in RULES.items():
        found = [rule(old, new * (1 + slower)) for slower in SLOWER]
        yield name, [float(flags.mean()) for flags, _ in found], float(np.mean([trials for _, trials in found]))


def run() -> bool:
    """Print both tables; True always, because this makes no claim about other tools."""
    sets = {"generated, 3 % between, 1 % within": generated(np.random.default_rng(SEED))}
    folder = noise.development_data()
    if folder:
        sets["real processes, all noise levels mixed"] = processes(np.random.default_rng(SEED), folder)
    else:
        print(noise.absent())
    for title, sessions in sets.items():
        print(f"  {title}: called changed at 0 % | 5 % | 10 % | trials per comparison")
        for name, shares, trials in table(sessions):
            print(f"    {name}: {' | '.join(f'{share:.3f}' for share in shares)} | {trials:.1f}", flush=True)
    return True
