"""Nights: false alarms a series-year, and slower builds found the same night, by both screens and the comparison.

Noise: the null series of `nights_dev` (development data) in random orders; its nights are independent of each
other by construction. Every night has a new build. Suspects are compared by the rules of `lab compare`, on trials
drawn from all nights of their series: a night there is one process, and so is a trial. An alarm is what
`lab.nightly.alarm` confirms: worse in the night and in the comparison, with a p of at most .0025.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks import noise
from benchmarks.families import outcome
from benchmarks.noise import Floats
from lab.nightly.screen import NEAR, TRIES, beyond
from lab.scenario.nights import Policy
from lab.stats.changes import find_steps, tonight
from lab.stats.families import NIGHT_FAMILY, alone
from lab.stats.interval import Looks
from lab.stats.many import Flags, Words, drawn_orders, judge_many
from lab.store.history import RECENT

SEED = 20261129
FIRST = 20
"""Nights of history before the first one that is judged, as for the rivals of the development data."""

ORDERS = 4
"""Random orders of each series: 163 series x 70 nights x 4 are 125 series-years."""

EQUAL = 5_000
"""Comparisons of equal builds for each series."""

NIGHTS, SLOWER = 20, 30
"""Nights with a slower build for each series and size, and comparisons of such builds."""

SIZES = (0.03, 0.05, 0.10)
MOST_FALSE = 0.02
LEAST_FOUND = 0.90

QUIET = "< 1 %"
GROUPS: Mapping[str, tuple[float, float]] = {
    QUIET: (0.0, 0.01),
    "1 to 3 %": (0.01, 0.03),
    "> 3 %": (0.03, np.inf),
}
"""Series by the coefficient of variation between their nights."""

POLICY = Policy()

Tried = Sequence[tuple[int, bool]]
"""Steps that were compared: the night of each, and whether that settled it."""


@dataclass(frozen=True)
class Noticed:
    """A series that a screen passes on: tonight's value over the usual one, and the night of its step, if any."""

    ratio: float
    step: int | None


@dataclass(frozen=True)
class Compared:
    """Comparisons: the verdict of each, and whether it found the candidate worse among NIGHT_FAMILY."""

    verdicts: Words
    sure: Flags

    @property
    def shares(self) -> tuple[float, float]:
        """The shares that found it worse: by their verdict alone, and surely."""
        return float(np.mean(self.verdicts == "regressed")), float(np.mean(self.sure))


@dataclass(frozen=True)
class Figures:
    """The figures of a series; `cv` is its spread between nights.

    `suspects` counts the comparisons that its nights lead to, `false` how many of them find an equal build worse:
    by their verdict alone, and by the rule (expected). `seen` and `found` are, by the size of a change, the shares
    of slower builds that a screen notices, and that are found the same night: by the verdict alone, by the rule.
    """

    cv: float
    suspects: int
    false: tuple[float, float]
    seen: Mapping[float, float]
    found: Mapping[float, tuple[float, float]]


def compared(generator: np.random.Generator, logs: Floats, many: int, slower: float) -> Compared:
    """Compare a build with one that is `slower`, on trials drawn from the log values of a series."""
    looks = Looks()
    drawn = logs[generator.integers(0, logs.size, (many, looks.most, 2))]
    gaps = drawn[:, :, 0] - drawn[:, :, 1] + np.log1p(slower)
    firsts = drawn_orders(generator, many, looks.most)
    found = judge_many(gaps, looks, firsts).verdicts
    sure = np.zeros(many, dtype=np.bool_)
    for i in np.flatnonzero(found == "regressed"):
        judged, p, _ = outcome(gaps[i], firsts[i].tolist(), NIGHT_FAMILY, looks)
        sure[i] = judged.verdict == "regressed" and p <= alone(NIGHT_FAMILY)
    return Compared(found, sure)


def noticed(values: Floats, tried: Tried = ()) -> Noticed | None:
    """Return what the screens notice in the last night of a series, by the thresholds of `lab.nightly.screen`."""
    nights = values[:-1].tolist()
    steps = find_steps(values.tolist())
    if steps and beyond(steps[-1].ratio, POLICY.least) and len(nights) - steps[-1].index <= RECENT:
        near = [settled for at, settled in tried if abs(at - steps[-1].index) <= NEAR]
        if not any(near) and len(near) < TRIES:
            return Noticed(float(values[-1]) / steps[-1].before, steps[-1].index)
    unusual = tonight([float(values[-1])], nights[-POLICY.nights :], share=POLICY.share)
    if unusual is None or unusual.score < 1 or not beyond(unusual.ratio, POLICY.least / 2):
        return None
    return Noticed(float(values[-1] / np.median(nights[-POLICY.nights :])), None)


def suspected(generator: np.random.Generator, values: Floats, equal: Words) -> tuple[int, int]:
    """Return how many comparisons a series without a change leads to, and how many follow a night that was worse.

    A step is not compared again once that settled it, nor after its last try.
    """
    worse = 0
    tried: list[tuple[int, bool]] = []
    for night in range(FIRST, values.size):
        found = noticed(values[: night + 1], tried)
        if found is not None:
            worse += found.ratio > 1
            verdict = equal[generator.integers(0, equal.size)]
            tried.append((night if found.step is None else found.step, verdict in ("improved", "same")))
    return len(tried), worse


def figures_of(logs: Floats, seed: int) -> Figures:
    """Return the figures of a null series, given as logarithms."""
    generator = np.random.default_rng([SEED, seed])
    equal = compared(generator, logs, EQUAL, 0.0)
    counts = [suspected(generator, np.exp(generator.permutation(logs)), equal.verdicts) for _ in range(ORDERS)]
    suspects, worse = (sum(each) for each in zip(*counts, strict=True))
    false, sure = equal.shares
    seen, found = dict[float, float](), dict[float, tuple[float, float]]()
    for size in SIZES:
        hits = 0
        for _ in range(NIGHTS):
            values = np.exp(generator.permutation(logs)[: generator.integers(FIRST + 1, logs.size + 1)])
            values[-1] *= 1 + size
            suspect = noticed(values)
            hits += suspect is not None and suspect.ratio > 1
        seen[size] = hits / NIGHTS
        verdict, rule = compared(generator, logs, SLOWER, size).shares
        found[size] = (seen[size] * verdict, seen[size] * rule)
    values = np.exp(logs)
    cv = float(values.std(ddof=1) / values.mean())
    return Figures(cv, suspects, (suspects * false, worse * sure), seen, found)


def rates(series: Sequence[Figures], nights: int) -> list[tuple[float, float, float]]:
    """Return false alarms a series-year, by the verdict alone and by the rule, with 95 % intervals.

    The intervals come from drawing the series again (bootstrap): the nights of one series are alike.
    """
    alarms = np.array([each.false for each in series]) * 365 / nights
    drawn = np.random.default_rng(SEED).integers(0, len(alarms), (2_000, len(alarms)))
    low, high = np.quantile(alarms[drawn].mean(axis=1), (0.025, 0.975), axis=0)
    return list(zip(alarms.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True))


def run() -> bool:
    """Print false alarms and slower builds found, by the spread of the series; True if both claims are met."""
    folder = noise.development_data()
    if folder is None:
        print(noise.absent())
        return True
    with np.load(folder / "nights_dev.npz") as arrays:
        null = np.log(arrays["series"][arrays["cp"] == -1].astype(np.float64))
    with ProcessPoolExecutor() as pool:
        series = list(pool.map(figures_of, null, range(len(null)), chunksize=4))
    nights = ORDERS * (null.shape[1] - FIRST)
    groups = {name: [each for each in series if low <= each.cv < high] for name, (low, high) in GROUPS.items()}
    print(
        f"  {len(series)} series, {len(series) * nights / 365:.0f} series-years; per series-year, 95 % intervals"
    )
    print("  CV between nights | series | comparisons | false alarms, verdict alone | false alarms, the rule")
    for name, chosen in {"all": series, **groups}.items():
        count = np.mean([each.suspects for each in chosen]) * 365 / nights
        words = " | ".join(f"{rate:.4f} ({low:.4f} to {high:.4f})" for rate, low, high in rates(chosen, nights))
        print(f"  {name} | {len(chosen)} | {count:.1f} | {words}")
    print("  CV between nights | slower | noticed | found the same night, verdict alone | the rule")
    for name, chosen in groups.items():
        for size in SIZES:
            verdict, rule = np.mean([each.found[size] for each in chosen], axis=0)
            seen = np.mean([each.seen[size] for each in chosen])
            print(f"  {name} | {size:.0%} | {seen:.3f} | {verdict:.3f} | {rule:.3f}")
    false, power = rates(series, nights)[1][0], np.mean([each.found[0.05][1] for each in groups[QUIET]])
    met = bool(false <= MOST_FALSE and power >= LEAST_FOUND)
    print(
        f"  false alarms {false:.4f} (<= {MOST_FALSE}), 5 % found at a CV {QUIET}: {power:.3f} (>= {LEAST_FOUND})"
        f"{'' if met else ' NOT MET'}"
    )
    return met
