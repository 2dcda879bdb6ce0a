"""Coverage: how often the lab's intervals contain the true value, at every n for which it prints them.

Tests plain and sequential intervals on generated noise; `percentiles` tests those of percentiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks import noise
from benchmarks.noise import CV, Floats
from benchmarks.verdicts import ratios
from lab.records import Interval
from lab.stats.compare import ratio
from lab.stats.interval import CELL_TRIALS, MOST_PAIRS, Looks, cell_interval, interval
from lab.stats.many import Flags2, judge_many
from lab.stats.plan import cell_width
from lab.stats.sample import MIN_TRIALS
from lab.stats.sequential import sequential

SEED = 95
SAMPLES = 2_000
CELL_SAMPLES = 10_000
"""More samples: coverage of five trials is .9375 by algebra, which must clearly differ from .93."""
LEAST = 0.93
"""The required coverage, at a nominal 0.95."""

COUNTS = (*range(MIN_TRIALS, 25), 32, 48, 96)
CELL_COUNTS = tuple(n for n in COUNTS if n >= CELL_TRIALS)
FEWER = (5, 6, 7, 8, 9, 10, 12, 16, 24)
TARGETS = (0.02, 0.03, 0.04)
"""Target half-widths of a closed loop, at 3 % between trials."""


def holds(found: Interval, truth: float) -> bool:
    """Return True if an interval was printed and contains the true value."""
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def share(calls: Iterator[bool]) -> float:
    """Return the share of True."""
    return float(np.mean(list(calls)))


def plain(draws: Floats, truths: Floats, n: int) -> float:
    """Return the coverage of a cell's interval at one look; the true value is the median of the trials' source."""
    return share(
        holds(cell_interval(np.exp(row[:n]).tolist(), looks=None), math.exp(truth))
        for row, truth in zip(draws, truths, strict=True)
    )


def stopped(draws: Floats, truths: Floats, target: float) -> tuple[float, float]:
    """Return the coverage of a cell's interval when a closed loop stops by width, and the mean trials it took."""
    looks, held, took = Looks(towards_one=0.5), [], []
    for row, truth in zip(np.exp(draws).tolist(), truths, strict=True):
        n = next(
            (n for n in range(looks.first, looks.most) if (cell_width(row[:n], looks) or math.inf) <= target),
            looks.most,
        )
        held.append(holds(cell_interval(row[:n], looks=looks), math.exp(truth)))
        took.append(n)
    return float(np.mean(held)), float(np.mean(took))


def price(draws: Floats, n: int) -> float:
    """Return the mean width of a cell's interval over that of Student's t on the same trials, in logarithms."""

    def width(found: Interval) -> float:
        return math.log((found.high or 1.0) / (found.low or 1.0))

    rows = [np.exp(row[:n]).tolist() for row in draws]
    ours = sum(width(cell_interval(row, looks=None)) for row in rows)
    return ours / sum(width(interval(row)) for row in rows)


def paired(draws: Floats, n: int) -> float:
    """Return the coverage of a fixed comparison's ratio: 7 % slower, blocks that drift by 10 %."""
    blocks = np.exp(np.linspace(0, math.log(1.1), n))

    def sides(row: Floats) -> Interval:
        old, new = np.exp(row[:n]) * blocks, 1.07 * np.exp(row[n : 2 * n]) * blocks
        return ratio(dict(enumerate(new.tolist())), dict(enumerate(old.tolist())))

    return share(holds(sides(row), 1.07) for row in draws)


def one_look(draws: Floats, firsts: Flags2, n: int, slower: float) -> float:
    """Return the coverage of the sequential interval at one look, for a given true change."""
    shifted = np.exp(draws[:, :n] + math.log1p(slower))
    return share(
        holds(sequential(row.tolist(), Looks(), turns[:n].tolist()), 1 + slower)
        for row, turns in zip(shifted, firsts, strict=True)
    )


def at_the_end(draws: Floats, firsts: Flags2, slower: float) -> tuple[float, float]:
    """Return the coverage over all looks together, and of the interval printed when the comparison stops."""
    looks, truth = Looks(), math.log1p(slower)
    judged = judge_many(draws + truth, looks, firsts, truth)
    last = [
        sequential(np.exp(row[: int(n)] + truth).tolist(), looks, turns[: int(n)].tolist())
        for row, turns, n in zip(draws, firsts, judged.pairs, strict=True)
    ]
    return float(judged.covered.mean()), share(holds(found, 1 + slower) for found in last)


def told(name: str, shares: Mapping[int, float]) -> bool:
    """Print the lowest coverage over n; True if it is at least LEAST."""
    worst = min(shares, key=lambda n: shares[n])
    met = shares[worst] >= LEAST
    words = "" if met else " NOT MET"
    print(f"  {name}: {shares[worst]:.3f} at least (n = {worst}), of {len(shares)} n{words}", flush=True)
    return met


def fixed() -> bool:
    """Check intervals of cells, at one look and when stopped by width, and ratios at one look."""
    met, generator = True, np.random.default_rng(SEED + 1)
    for name in ("normal", "lognormal", "heavy tails", "two modes", "bursts"):
        draws = noise.OWN[name](np.random.default_rng(SEED), CELL_SAMPLES, 2 * max(COUNTS))
        middle = float(np.median(noise.OWN[name](generator, 20_000, 100)))
        met = cell(name, draws, np.full(CELL_SAMPLES, middle), CELL_COUNTS) and met
        shares = {n: paired(draws[:SAMPLES], n) for n in COUNTS}
        met = told(f"ratio paired by block, {name}", shares) and met
    folder = noise.development_data()
    if folder is None:
        print(noise.absent())
        return met
    for name, series in noise.null_series(folder):
        draws, middles = noise.redrawn(series)(np.random.default_rng(SEED), CELL_SAMPLES, 48)
        met = cell(name, draws, middles, FEWER) and met
        met = told(f"ratio paired by block, {name}", {n: paired(draws[:SAMPLES], n) for n in (4, *FEWER)}) and met
    return met


def dependent() -> None:
    """Print the coverage for dependent trials, which no interval of one session can guarantee; no requirement."""
    for name, truth in (("correlated", 0.0), ("drift", math.log(1.1) / 2)):
        source = noise.normal if name == "drift" else noise.OWN[name]  # the drift is added below, whole at every n
        draws = source(np.random.default_rng(SEED), SAMPLES, 24)
        found = []
        for n in (6, 12, 24):
            own = draws[:, :n] + (np.linspace(0, math.log(1.1), n) if name == "drift" else 0.0)
            student = share(holds(interval(np.exp(row).tolist()), math.exp(truth)) for row in own)
            found.append(f"{n}: {plain(own, np.full(SAMPLES, truth), n):.3f} ({student:.3f})")
        print(f"  not required: a cell, {name}, by trials (Student's t): {', '.join(found)}", flush=True)


def cell(name: str, draws: Floats, truths: Floats, counts: Sequence[int]) -> bool:
    """Check a cell's interval: coverage at every n, relative width on normal noise, and closed-loop stopping."""
    met = told(f"interval of a cell, {name}", {n: plain(draws, truths, n) for n in counts})
    if name == "normal":
        found = ", ".join(f"{n}: {price(draws[:SAMPLES], n):.2f}" for n in FEWER)
        print(f"    mean width over that of Student's t, by trials: {found}")
    for target in TARGETS:
        held, took = stopped(draws[:SAMPLES, :MOST_PAIRS], truths[:SAMPLES], target)
        met = met and held >= LEAST
        words = "" if held >= LEAST else " NOT MET"
        print(
            f"    stopped at {target:.0%} or {MOST_PAIRS} trials: {held:.3f} after {took:.1f}{words}", flush=True
        )
    return met


def running() -> bool:
    """Check the sequential interval: at each look, over all looks together, and when the comparison stops."""
    looks, met = Looks(), True
    for name in ("normal", "lognormal", "heavy tails", "drift", "bursts"):
        draws, firsts = ratios(noise.OWN[name], SEED, SAMPLES, looks.most)
        for slower in (0.0, 0.05):
            label = f"sequential, {name}, {slower:.0%} slower"
            counts = range(looks.first, looks.most + 1)
            met = told(f"{label}, one look", {n: one_look(draws, firsts, n, slower) for n in counts}) and met
            every, last = at_the_end(draws, firsts, slower)
            met = met and every >= LEAST and last >= LEAST
            print(f"  {label}: all looks together {every:.3f}, when it stops {last:.3f}", flush=True)
    return met


def run() -> bool:
    """Print the lowest coverage over n of each kind of interval; True if all are at least .93."""
    print(f"  spread {CV:.0%} a side, {SAMPLES:,} samples (of cells {CELL_SAMPLES:,}), seed {SEED}")
    dependent()
    return all([fixed(), running()])
