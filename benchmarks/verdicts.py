"""Verdicts: how often they are wrong, how many changes they find, and their device time.

Conditions: a budget of 24 pairs at 3 % between trials of a side, 0, 5, 6 and 10 % slower. The benchmark
`rivals` applies the rules of other tools to such noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks import noise
from benchmarks.noise import Floats, Source
from lab.stats.compare import judge, verdict
from lab.stats.interval import Looks, interval
from lab.stats.many import judge_many

SEED = 20261123
SESSIONS = 20_000
CHECKED = 200
FIXED_PAIRS = 14
"""Pairs of the fixed design whose device time is the reference."""

SLOWER = (0.0, 0.05, 0.06, 0.10)


@dataclass(frozen=True)
class Rates:
    """Shares of sessions by verdict, mean pairs, and the share whose intervals all contain the true value."""

    regressed: float
    improved: float
    same: float
    pairs: float
    covered: float

    @property
    def changed(self) -> float:
        """Return the share called regressed or improved."""
        return self.regressed + self.improved


def ratios(source: Source, seed: int, sessions: int, pairs: int) -> Floats:
    """Return log ratios (sessions, pairs) of two equal builds, measured ABBA or BAAB at random."""
    generator = np.random.default_rng(seed)
    trials = source(generator, sessions, 2 * pairs).reshape(sessions, pairs, 2)
    flips = generator.random((sessions, (pairs + 1) // 2)) < 0.5
    first = np.repeat(flips, 2, axis=1)[:, :pairs] ^ (np.arange(pairs) % 2 == 1)
    gaps = trials[:, :, 0] - trials[:, :, 1]
    return np.asarray(np.where(first, gaps, -gaps), dtype=np.float64)


def sequential_rates(logs: Floats, looks: Looks, slower: float) -> Rates:
    """Judge every session on arrays, as a running comparison would; :func:`check` compares with the library."""
    found = judge_many(logs + np.log1p(slower), looks, float(np.log1p(slower)))
    share = {word: float(np.mean(found.verdicts == word)) for word in ("regressed", "improved", "same")}
    pairs, covered = float(found.pairs.mean()), float(found.covered.mean())
    return Rates(share["regressed"], share["improved"], share["same"], pairs, covered)


def check(logs: Floats, looks: Looks) -> bool:
    """Return True if lab.stats.compare.judge, called pair by pair, agrees with the arrays."""
    judged = judge_many(logs, looks)
    for row, expected, taken in zip(logs, judged.verdicts, judged.pairs, strict=True):
        for n in range(1, looks.most + 1):
            found = judge(dict(enumerate(np.exp(row[:n]))), dict.fromkeys(range(n), 1.0), "lower", looks)
            if found.settled or n == looks.most:
                break
        if (found.verdict, n) != (expected, int(taken)):
            return False
    return True


def fixed_rates(logs: Floats, slower: float) -> Rates:
    """Judge the first 14 pairs once, with the plain interval; uses the first 2000 sessions, one call each."""
    words = [
        verdict(interval(np.exp(row[:FIXED_PAIRS] + np.log1p(slower)).tolist()), "lower") for row in logs[:2000]
    ]
    share = {word: words.count(word) / len(words) for word in ("regressed", "improved", "same")}
    return Rates(share["regressed"], share["improved"], share["same"], FIXED_PAIRS, 1.0)


def targets(rates: Mapping[float, Rates]) -> dict[str, tuple[float, bool]]:
    """Return the required figures, each with True if it is met."""
    time = float(np.mean([rates[slower].pairs for slower in (0.0, 0.05, 0.10)])) / FIXED_PAIRS
    null, five, six = rates[0.0], rates[0.05], rates[0.06]
    return {
        "changed at 0 (<= .01)": (null.changed, null.changed <= 0.01),
        "same at 0 (>= .90)": (null.same, null.same >= 0.90),
        "same at 6 % (<= .05)": (six.same, six.same <= 0.05),
        "found at 5 % (>= .95)": (five.regressed, five.regressed >= 0.95),
        "device time (<= .70)": (time, time <= 0.70),
    }


def run() -> bool:
    """Print a row for every source; True if each of them meets every target."""
    looks = Looks()
    sources = [*noise.OWN.items()]
    folder = noise.development_data()
    if folder:
        sources += list(noise.of_data(folder))
    else:
        print(noise.absent())
    met = True
    names = list(targets({slower: Rates(0, 0, 0, 1, 1) for slower in SLOWER}))
    print("  " + " | ".join(["noise, 3 % a side", *names, "every look covers"]))
    for index, (name, source) in enumerate(sources):
        logs = ratios(source, SEED + index, SESSIONS, looks.most)
        rates = {slower: sequential_rates(logs, looks, slower) for slower in SLOWER}
        found = targets(rates)
        words = [f"{value:.4f}{'' if fine else ' NOT MET'}" for value, fine in found.values()]
        print("  " + " | ".join([name, *words, f"{rates[0.05].covered:.3f}"]), flush=True)
        met = met and all(fine for _, fine in found.values())
        if index == 0 and not check(logs[:CHECKED], looks):
            print("  the arrays of this benchmark and lab.stats.compare.judge disagree")
            return False
    logs = ratios(noise.normal, SEED, SESSIONS, looks.most)
    print(f"  pairs to a verdict at 0, 5, 10 %: {_pairs(logs, looks)}; fixed design: {FIXED_PAIRS}")
    for slower in SLOWER:
        fixed = fixed_rates(logs, slower)
        print(f"  fixed design at {slower:.0%}: changed {fixed.changed:.4f}, same {fixed.same:.4f}")
    return met


def _pairs(logs: Floats, looks: Looks) -> str:
    return ", ".join(f"{sequential_rates(logs, looks, slower).pairs:.1f}" for slower in (0.0, 0.05, 0.10))
