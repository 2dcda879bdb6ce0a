"""Sentences about a comparison: each figure that is printed, said against seen.

The smallest change found in nine of ten, the estimate where a comparison stopped, p, and the devices accepted.
"""

from __future__ import annotations

import math

import numpy as np

from lab.compare.acceptance import TRIES, steady, unchanged
from lab.records import CHANGED
from lab.stats.findable import FOUND, smallest_found
from lab.stats.interval import MOST_PAIRS, Looks
from lab.stats.many import drawn_orders, judge_many
from lab.stats.sample import trial_median
from lab.stats.sequential import centre_of, p_value

SEED = 20261129
SESSIONS = 2_000
DEVICES = 10_000
SPREADS = (0.03, 0.06, 0.10)


def smallest() -> bool:
    """Print the change said to be found in nine of ten, and the share that finds it; True if .87 to .93."""
    looks, met = Looks(), True
    print("  spread | true change | said, median | share that finds what is said: mean | of the median")
    for cv in SPREADS:
        for true in (0.0, 0.05):
            generator = np.random.default_rng(SEED)
            noise = cv * math.sqrt(2) * generator.normal(size=(SESSIONS, looks.most))
            firsts = drawn_orders(generator, SESSIONS, looks.most)
            judged = judge_many(noise + math.log1p(true), looks, firsts)
            fresh = cv * math.sqrt(2) * np.random.default_rng(SEED + 1).normal(size=(SESSIONS, looks.most))
            grid = np.linspace(0.03, 0.4, 75)
            power = [
                np.mean(judge_many(fresh + math.log1p(c), looks, firsts).verdicts == "regressed") for c in grid
            ]
            said = np.array(
                [
                    smallest_found(centre.spread, centre.freedom, looks) or 1.0
                    for row, turns, n in zip(noise, firsts, judged.pairs, strict=True)
                    if (centre := centre_of(row[: int(n)], turns[: int(n)].tolist())) is not None
                ]
            )
            seen = float(np.interp(said, grid, power).mean())
            fine = abs(seen - FOUND) <= 0.03
            at_median = float(np.interp(np.median(said), grid, power))
            print(
                f"  {cv:.0%} | {true:.0%} | {np.median(said):.3f} | {seen:.3f} | {at_median:.3f}"
                f"{'' if fine else ' NOT MET'}",
                flush=True,
            )
            met = met and fine
    return met


def estimates() -> bool:
    """Print the median estimate of comparisons called a change, at an early stop and with all pairs."""
    met = True
    print("  spread | true change | estimate of changes called early | their share | every estimate, all pairs")
    for cv in SPREADS:
        for true in (0.03, 0.05, 0.10):
            generator = np.random.default_rng(SEED + 2)
            logs = cv * math.sqrt(2) * generator.normal(size=(SESSIONS, MOST_PAIRS)) + math.log1p(true)
            firsts = drawn_orders(generator, SESSIONS, MOST_PAIRS)
            judged = judge_many(logs, Looks(), firsts)
            early = np.isin(judged.verdicts, CHANGED) & (judged.pairs < MOST_PAIRS)
            stopped = [
                _centre(row[: int(n)], turns[: int(n)])
                for row, turns, n in zip(logs[early], firsts[early], judged.pairs[early], strict=True)
            ]
            every = [_centre(row, turns) for row, turns in zip(logs, firsts, strict=True)]
            whole = math.expm1(float(np.median(every)))
            fine = abs(whole - true) <= 0.1 * true
            leaning = f"{math.expm1(float(np.median(stopped))):.3f}" if stopped else "(none)"
            print(
                f"  {cv:.0%} | {true:.0%} | {leaning} | {early.mean():.3f} | {whole:.4f}"
                f"{'' if fine else ' NOT MET'}",
                flush=True,
            )
            met = met and fine
    return met


def _centre(
    logs: np.ndarray[tuple[int], np.dtype[np.float64]], firsts: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> float:
    found = centre_of(logs, firsts.tolist())
    return 0.0 if found is None else found.log


def p_values() -> bool:
    """Print how often the p of equal builds is small at some look; True if not too often."""
    looks, met = Looks(), True
    generator = np.random.default_rng(SEED + 3)
    logs = generator.normal(0, 0.1, (SESSIONS, looks.most))
    firsts = drawn_orders(generator, SESSIONS, looks.most)
    least = np.array(
        [
            min(
                p_value(np.exp(row[:n]).tolist(), looks, turns[:n].tolist())
                for n in range(looks.first, looks.most + 1)
            )
            for row, turns in zip(logs, firsts, strict=True)
        ]
    )
    for level in (0.05, 0.01):
        seen = float(np.mean(least <= level))
        fine = seen <= level + 3 * math.sqrt(level / SESSIONS)
        print(
            f"  p of equal builds at some look is {level} or less: {seen:.4f}{'' if fine else ' NOT MET'}",
            flush=True,
        )
        met = met and fine
    return met


def acceptance() -> bool:
    """Print which devices are accepted for judging builds; True if 3 % passes and 20 % does not."""
    met = True
    print("  spread between trials | accepted first | again, unchanged | again, 5 % slower | 10 % slower")
    for cv in (0.03, 0.05, 0.10, 0.20):
        generator = np.random.default_rng(SEED + 4)
        tries, later = (np.exp(generator.normal(0, cv, (DEVICES, TRIES))) for _ in range(2))
        first = np.array([steady(row.tolist()) for row in tries])
        references = [trial_median(row.tolist()) for row in tries]
        again = [
            np.mean(
                [
                    steady(row.tolist()) and unchanged((row * slower).tolist(), known)
                    for row, known, fine in zip(later, references, first, strict=True)
                    if fine
                ]
            )
            if first.any()
            else math.nan
            for slower in (1.0, 1.05, 1.1)
        ]
        fine = first.mean() >= 0.95 if cv == 0.03 else first.mean() <= 0.02 if cv == 0.2 else True
        print(
            f"  {cv:.0%} | {first.mean():.3f} | {' | '.join(f'{share:.3f}' for share in again)}"
            f"{'' if fine else ' NOT MET'}",
            flush=True,
        )
        met = met and bool(fine)
    return met


def looking_again() -> bool:
    """Print how many devices are accepted if the last five tries may agree at any look; True if it is too many."""
    print("  spread between trials | the last five of five tries agree | of 14 (10 looks) | of 80 (76 looks)")
    shares = []
    for cv in (0.03, 0.05, 0.10, 0.20):
        tries = np.exp(np.random.default_rng(SEED + 5).normal(0, cv, (DEVICES // 20, 80)))
        found = np.array([[steady(row[i : i + TRIES].tolist()) for i in range(76)] for row in tries])
        shares.append([found[:, :looks].any(axis=1).mean() for looks in (1, 10, 76)])
        print(f"  {cv:.0%} | {' | '.join(f'{share:.3f}' for share in shares[-1])}", flush=True)
    return bool(shares[2][1] > 2 * shares[2][0])


def run() -> bool:
    """Print every table; True if what is said is seen."""
    return all([smallest(), estimates(), p_values(), acceptance(), looking_again()])
