"""Trials that are missing, and sides that keep a mode: what a comparison says where its pairs alone mislead.

Missing: a trial counts only while its heat is below +1 standard deviation, as behind a heat gate; heat and time
are correlated. Each session is measured as by `lab compare`, pair by pair, with failed pairs retried.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from benchmarks import noise
from benchmarks.noise import CV
from lab.records import CHANGED, Verdict
from lab.run.runner import TRIES
from lab.stats.compare import judge
from lab.stats.families import FAMILY_LEVEL
from lab.stats.interval import Looks
from lab.stats.many import drawn_orders, judge_many
from lab.stats.missing import Counts, believed, lopsided
from lab.stats.plan import order_of
from lab.stats.serial import p_serial

SEED = 20261128
SESSIONS = 1_000
CORRELATIONS = (0.0, 0.5, 0.8, 1.0)
"""Of heat and time; at 1 every trial more than one standard deviation too slow is thrown out."""

KEPT_SESSIONS = 4_000
KEPT = (2, 4, 8, 16)
"""Pairs for which a side keeps its mode."""


@dataclass(frozen=True)
class Outcome:
    """The end of a session: the verdict of its pairs, what is believed, and the counts of both sides."""

    pairs_alone: Verdict
    verdict: Verdict
    counts: tuple[Counts, Counts]


def session(generator: np.random.Generator, slower: float, correlation: float, seed: int) -> Outcome:
    """Measure a comparison in which the hot trials of either side do not count; one that fails ends its pair."""
    looks = Looks()
    sides: dict[str, dict[int, float]] = {"baseline": {}, "candidate": {}}
    firsts: dict[int, bool] = {}
    kept, lost = Counter[str](), Counter[str]()
    found = judge({}, {}, "lower", looks, firsts=firsts)
    for block in range(TRIES * looks.most):
        order = order_of(seed, block)
        firsts[block] = order[0] == "candidate"
        for side in order:
            unit = generator.normal() + (np.log1p(slower) / CV if side == "candidate" else 0.0)
            heat = correlation * unit + np.sqrt(1 - correlation**2) * generator.normal()
            if heat > 1:
                lost[side] += 1
                sides["baseline"].pop(block, None)
                break
            kept[side] += 1
            sides[side][block] = float(np.exp(CV * unit))
        found = judge(sides["candidate"], sides["baseline"], "lower", looks, firsts=firsts)
        if found.settled or (found.change is not None and found.change.n == looks.most):
            break
    ours, theirs = ((kept[side], lost[side]) for side in ("baseline", "candidate"))
    differ = lopsided({"": (ours, theirs)})
    return Outcome(
        found.verdict, believed(found.verdict, ours, theirs) if differ else found.verdict, (ours, theirs)
    )


def missing() -> bool:
    """Print what is said with and without the test of missing trials; True if a slower build is seldom `same`."""
    met = True
    print("  slower | heat ~ time | lost by A | by B | regressed | same | cannot tell | pairs alone: same")
    for slower in (0.0, 0.06):
        for correlation in CORRELATIONS:
            generator = np.random.default_rng([SEED, int(10 * correlation)])
            found = [session(generator, slower, correlation, seed) for seed in range(SESSIONS)]
            said = Counter(each.verdict for each in found)
            alone = Counter(each.pairs_alone for each in found)
            lost = [np.sum([each.counts[side] for each in found], axis=0) for side in (0, 1)]
            shares = " | ".join(f"{bad / (good + bad):.2f}" for good, bad in lost)
            words = " | ".join(f"{said[word] / SESSIONS:.3f}" for word in ("regressed", "same", "cannot tell"))
            changed = sum(said[word] for word in CHANGED) / SESSIONS
            fine = changed <= 0.015 if slower == 0 else said["same"] / SESSIONS <= 0.05
            print(
                f"  {slower:.0%} | {correlation} | {shares} | {words} | {alone['same'] / SESSIONS:.3f}"
                f"{'' if fine else ' NOT MET'}",
                flush=True,
            )
            met = met and fine
    return met


def kept_modes() -> bool:
    """Print false alarms where sides keep a mode, and how many are seen; True if the test keeps its level."""
    looks, met = Looks(), True
    print("  a side keeps its mode for | changed at 0 | of these, pairs said to be alike | of all")
    for kept in (0, *KEPT):
        generator = np.random.default_rng([SEED, kept])
        logs = (
            noise.kept_modes(generator, KEPT_SESSIONS, looks.most, kept)
            if kept
            else generator.normal(0, CV * np.sqrt(2), (KEPT_SESSIONS, looks.most))
        )
        firsts = drawn_orders(generator, KEPT_SESSIONS, looks.most)
        judged = judge_many(logs, looks, firsts)
        changed = np.isin(judged.verdicts, CHANGED)
        leans = np.array(
            [
                p_serial(np.exp(row[: int(n)]).tolist(), turns[: int(n)].tolist()) <= FAMILY_LEVEL
                for row, turns, n in zip(logs, firsts, judged.pairs, strict=True)
            ]
        )
        seen = float(leans[changed].mean()) if changed.any() else 0.0
        fine = bool(kept) or leans.mean() <= 0.06
        print(
            f"  {f'{kept} pairs' if kept else 'never'} | {changed.mean():.3f} | {seen:.3f} | {leans.mean():.3f}"
            f"{'' if fine else ' NOT MET'}",
            flush=True,
        )
        met = met and fine
    return met


def run() -> bool:
    """Print both tables; True if every claim is met."""
    return all([missing(), kept_modes()])
