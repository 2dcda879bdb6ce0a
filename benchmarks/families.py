"""Many cells in one comparison: how often a gate fails when it should, and when it should not.

Each cell is measured as by `lab compare`: up to 24 pairs at 3 % a side, judged after each, until its verdict
holds among that many cells. For comparison: cells that stop at their own first verdict, as if each were alone.
"""

from __future__ import annotations

import numpy as np

from benchmarks.noise import CV, Floats
from lab.stats.compare import Judgement, judge
from lab.stats.families import failing, settled
from lab.stats.interval import Looks
from lab.stats.plan import order_of
from lab.stats.sequential import p_value

SEED = 20261127
SESSIONS = 200
SLOWER = 0.06
CASES = ((1, 0), (1, 1), (3, 1), (6, 0), (6, 1), (6, 6), (10, 1), (24, 1))
"""Numbers of cells, and of slower cells among them."""


def outcome(logs: Floats, firsts: list[bool], family: int, looks: Looks) -> tuple[Judgement, float, int]:
    """Return the final judgement of one cell out of `family`, its p and the pairs it took."""
    ratios, turns = np.exp(logs).tolist(), dict(enumerate(firsts))
    for n in range(looks.first, looks.most + 1):
        found = judge(dict(enumerate(ratios[:n])), dict.fromkeys(range(n), 1.0), "lower", looks, firsts=turns)
        p = p_value(ratios[:n], looks, firsts[:n])
        if settled(found, p, family):
            break
    return found, p, n


def gate(logs: Floats, family: int, looks: Looks) -> tuple[bool, float]:
    """Judge cells of log ratios (cells, pairs); return True if the gate fails, and the mean pairs per cell."""
    orders = [[order_of(place, n)[0] == "candidate" for n in range(looks.most)] for place in range(len(logs))]
    cells = [outcome(row, firsts, family, looks) for row, firsts in zip(logs, orders, strict=True)]
    fails = failing({str(place): p for place, (_, p, _) in enumerate(cells)})
    worse = {str(place) for place, (found, _, _) in enumerate(cells) if found.verdict == "regressed"}
    return bool(worse & set(fails)), float(np.mean([pairs for _, _, pairs in cells]))


def run() -> bool:
    """Print the table; True if the gate fails in 95 % with a slower cell, and in at most 5 % without."""
    looks, generator, met = Looks(), np.random.default_rng(SEED), True
    print(f"  cells | {SLOWER:.0%} slower | gate fails | pairs per cell | alone: gate fails | pairs per cell")
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
