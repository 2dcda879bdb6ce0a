"""Sentences: how often what a report says of a run is false, on noise in which the truth is known.

The set of best cells, "the warmer, the slower", and "25 % lost" of a sustained trial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks import noise
from benchmarks.noise import Floats
from lab.stats.best import contenders
from lab.stats.sustained import sustained
from lab.stats.variance import TIME, Point, sources

SEED = 10
RUNS = 1_000
MOST_FALSE = 0.05
"""The share that may be false, of each kind of sentence: policy, as the level of every interval."""

ERROR = 3 * math.sqrt(MOST_FALSE * (1 - MOST_FALSE) / RUNS)
"""Three standard errors of a share of MOST_FALSE in RUNS."""

SHAPES = ("normal", "lognormal", "heavy tails", "bursts", "two modes")


def said(name: str, false: float, *, claimed: bool = True, beside: str = "") -> bool:
    """Print a share of false sentences; True if it is at most MOST_FALSE, or no requirement (`claimed`)."""
    met = not claimed or false <= MOST_FALSE + ERROR
    print(f"  {name}: false in {false:.3f}{beside}{'' if met else ' NOT MET'}", flush=True)
    return met


def pools(generator: np.random.Generator) -> Mapping[str, Floats]:
    """Return many logarithms of each shape of noise, their median 0."""
    drawn = {name: noise.OWN[name](generator, 2_000, 60).ravel() for name in SHAPES}
    return {name: values - np.median(values) for name, values in drawn.items()}


def best_set(shapes: tuple[str, ...], levels: Floats, trials: int, blocks: float) -> tuple[float, float]:
    """Return how often the set lacks the cell with the best true median, and its mean size.

    The first cell is the best (or equal); `shapes` are the cells' noise, `blocks` the spread that a block shares.
    """
    generator = np.random.default_rng(SEED)
    pool = pools(generator)
    lacked = size = 0
    for _ in range(RUNS):
        own = np.array([generator.choice(pool[shape], trials) for shape in shapes])
        logs = own + levels[:, None] + generator.normal(0, blocks, trials)
        cells = {str(i): dict(enumerate(np.exp(row).tolist())) for i, row in enumerate(logs)}
        kept = contenders(cells, "lower").may_be_best
        lacked, size = lacked + ("0" not in kept), size + len(kept)
    return lacked / RUNS, size / RUNS


def sets() -> bool:
    """Check the set of best cells: said .95, on flat sweeps, one best, and cells that differ in their noise."""
    met, flat, two, one = True, np.zeros(5), np.zeros(2), np.array([0.0, 0.05, 0.05, 0.05, 0.05])
    kinds: Mapping[str, tuple[tuple[str, ...], Floats]] = {
        "flat, normal": (("normal",) * 5, flat),
        "flat, two modes": (("two modes",) * 5, flat),
        "flat, a cell of two modes among normal ones": (("two modes", *("normal",) * 4), flat),
        "flat, two cells, one of two modes": (("two modes", "normal"), two),
        "flat, a log-normal cell among normal ones": (("lognormal", *("normal",) * 4), flat),
        "flat, every cell of another shape": (SHAPES, flat),
        "one 5 % better, normal": (("normal",) * 5, one),
        "one 5 % better, every cell of another shape": (SHAPES, one),
    }
    for name, (shapes, levels) in kinds.items():
        for blocks in (0.0, 0.1):
            for trials in (6, 12, 24):
                false, size = best_set(shapes, levels, trials, blocks)
                label = f"best set, {name}, blocks vary by {blocks:.0%}, {trials} trials"
                met = said(label, false, beside=f", {size:.2f} of {len(shapes)} cells in it") and met
    return met


def wander(kind: str, generator: np.random.Generator, trials: int) -> Floats:
    """Return a series that moves with time by itself."""
    noisy, at = generator.normal(size=trials), np.linspace(0, 1, trials)
    if kind == "independent":
        return noisy
    if kind == "line":
        return np.asarray(3 * at * generator.choice([-1, 1]) + noisy)
    if kind == "levels off":
        return np.asarray(3 * (1 - np.exp(-5 * at)) + 0.5 * noisy)
    if kind == "walk":
        return np.asarray(noisy.cumsum())
    return np.asarray(noise.correlated(generator, 1, trials)[0] / noise.CV)


def claims(kind: str, trials: int, *, true: bool) -> float:
    """Return how often heat or load explains a run; `true` if heat does, otherwise everything drifts by itself."""
    generator, count = np.random.default_rng(SEED), 0
    for _ in range(RUNS):
        heat, load = wander(kind, generator, trials), wander(kind, generator, trials)
        own = 1.5 * heat / heat.std() + generator.normal(size=trials) if true else wander(kind, generator, trials)
        points = [
            Point("c", i, (math.exp(0.02 * own[i]),), {TIME: float(i), "heat": heat[i], "load": load[i]})
            for i in range(trials)
        ]
        found = {link.name for link in sources(points).links if link.claimed}
        count += "heat" in found if true else bool(found - {TIME})
    return count / RUNS


def links() -> bool:
    """Check "the warmer, the slower" where only time moves the figures; print how often a true one is seen."""
    met = True
    for kind in ("independent", "line", "levels off", "walk", "correlated"):
        for trials in (12, 24, 48):
            seen = f" (where heat does it: seen in {claims(kind, trials, true=True):.2f})"
            label = f"explained by heat or load, {kind}, {trials} trials"
            met = said(label, claims(kind, trials, true=False), beside=seen) and met
    return met


def steady(generator: np.random.Generator, at: Floats) -> Floats:
    """Return no disturbance."""
    return np.zeros(at.size)


def spikes(generator: np.random.Generator, at: Floats) -> Floats:
    """Return one iteration in twenty that takes half as long again, or more."""
    return np.where(generator.random(at.size) < 0.05, -generator.exponential(0.5, at.size), 0.0)


def neighbour(stays_s: float) -> Callable[[np.random.Generator, Floats], Floats]:
    """Return another program that takes 30 % for about `stays_s`, then rests for twice as long."""

    def draw(generator: np.random.Generator, at: Floats) -> Floats:
        busy, found, every_s = generator.random() < 1 / 3, np.zeros(at.size), float(at[1] - at[0])
        for place in range(at.size):
            busy = busy != (generator.random() < every_s / (stays_s if busy else 2 * stays_s))
            found[place] = -0.3 * busy
        return found

    return draw


def losses(draw: Callable[[np.random.Generator, Floats], Floats], every_s: float, lost: float) -> float:
    """Return how often a trial of 20 minutes says that it lost speed; it loses `lost` after six minutes."""
    generator, at, count = np.random.default_rng(SEED), np.arange(0.0, 1200.0, every_s), 0
    for _ in range(RUNS):
        logs = generator.normal(0, 0.05, at.size) + draw(generator, at) + math.log1p(-lost) * (at >= 360)
        found = sustained(list(zip(at.tolist(), np.exp(logs).tolist(), strict=True))).ratio
        count += found is not None and found.high is not None and found.high < 1
    return count / RUNS


def lasting() -> bool:
    """Check "N % lost" on a device that never slows; print how often a true loss of 25 % is seen."""
    met = True
    kinds = {
        "5 % noise": (steady, True),
        "spikes": (spikes, True),
        "a neighbour for 2 min at a time": (neighbour(120), False),
        "a neighbour for 5 min at a time": (neighbour(300), False),
    }
    for name, (draw, claimed) in kinds.items():
        for every_s in (2.0, 18.0, 50.0):
            seen = f" (of a true 25 %: {losses(draw, every_s, 0.25):.2f} seen)"
            label = f"loss of a device that never slows, {name}, iterations of {every_s:g} s"
            words = seen if claimed else f"{seen}, not required: nobody can tell it from heat in one trial"
            met = said(label, losses(draw, every_s, 0.0), claimed=claimed, beside=words) and met
    return met


def run() -> bool:
    """Print how often each sentence is false; True if none is false more often than MOST_FALSE (and its error)."""
    print(f"  {RUNS:,} runs each, seed {SEED}; wanted: at most {MOST_FALSE} and its error of {ERROR:.3f}")
    return all([sets(), links(), lasting()])
