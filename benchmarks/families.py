"""Many cells in one comparison: how often a gate fails that should, and that should not.

Each cell is measured as `lab compare` measures it: up to 24 pairs at 3 % a side, judged after each, until its
verdict stands among so many. Beside it: cells that stop at their own first verdict, as if each were alone.
"""

from __future__ import annotations

import numpy as np

from benchmarks.noise import CV, Floats
from lab.stats.compare import Judgement, judge
from lab.stats.families import failing, settled
from lab.stats.interval import Looks
from lab.stats.sequential import p_value

SEED = 20261127
SESSIONS = 200
SLOWER = 0.06
CASES = ((1, 0), (1, 1), (3, 1), (6, 0), (6, 1), (6, 6), (10, 1), (24, 1))
"""Cells, and how many of them are slower."""


def outcome(logs: Floats, family: int, looks: Looks) -> tuple[Judgement, float, int]:
    """Return what stands of one cell, its p, and the pairs it took, when it is one of `family`."""
    ratios = np.exp(logs).tolist()
    for n in range(looks.first, looks.most + 1):
        found = judge(dict(enumerate(ratios[:n])), dict.fromkeys(range(n), 1.0), "lower", looks)
        p = p_value(ratios[:n], looks)
        if settled(found, p, family):
            break
    return found, p, n


def gate(logs: Floats, family: int, looks: Looks) -> tuple[bool, float]:
    """Return whether the gate fails on cells given as log ratios (cells, pairs), and the mean pairs of a cell."""
    cells = [outcome(row, family, looks) for row in logs]
    fails = failing({str(place): p for place, (_, p, _) in enumerate(cells)})
    worse = {str(place) for place, (found, _, _) in enumerate(cells) if found.verdict == "regressed"}
    return bool(worse & set(fails)), float(np.mean([pairs for _, _, pairs in cells]))


def run() -> bool:
    """Print the table; True if a slower cell fails the gate in 95 %, and unchanged ones in at most 5 %."""
    looks, generator, met = Looks(), np.random.default_rng(SEED), True
    print(f"  cells | {SLOWER:.0%} slower | gate fails | pairs a cell | stopped alone: gate fails | pairs a cell")
    for cells, slower in CASES:
        logs = generator.normal(0, CV * np.sqrt(2), (SESSIONS, cells, looks.most))
        logs[:, :slower] += np.log1p(SLOWER)
        ours, theirs = ([gate(session, family, looks) for session in logs] for family in (cells, 1))
        (fails, pairs), (alone, fewer) = (np.mean(found, axis=0) for found in (ours, theirs))
        fine = fails >= 0.95 if slower else fails <= 0.05
        words = f"{fails:.3f}{'' if fine else ' NOT MET'} | {pairs:.1f} | {alone:.3f} | {fewer:.1f}"
        print(f"  {cells} | {slower} | {words}", flush=True)
        met = met and bool(fine)
    return met
