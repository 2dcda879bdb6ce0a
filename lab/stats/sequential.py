"""An interval that stays approximately valid when it is looked at after every pair: error spending with Student's
t.

A comparison that stops when its answer is clear looks many times, and an ordinary 95 % interval looked at
twenty times misses the truth somewhere in far more than 5 % of comparisons. Here the 5 % are spent over the
looks (Lan and DeMets, Biometrika 70, 1983, with the power family of Kim and DeMets, Biometrika 74, 1987); the
largest number of pairs is fixed in advance. docs/verdicts.md has the calculation behind the constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from lab.errors import NotEnoughData
from lab.records import Interval
from lab.stats.interval import Looks
from lab.stats.sample import Floats, usable

_SHARE_AWAY = 0.76
"""Most of the error that the bound away from 1 uses. The rest pays for carrying normal boundaries over to t: all
looks together then hold a true 5 % in 95 % (docs/verdicts.md)."""

_POWER_TOWARDS_ONE = 1.5
_POWER_AWAY = 1.0
"""Error spent by pair n of N is proportional to (n / N) ** power: later for a change than for sameness.
docs/adr/0019 has what else was tried."""

_STEP = 0.05
"""Grid step of the recursion, in standard deviations of one pair; halving it moves every limit by less than 0.1
%."""

P_VALUES = tuple(float(p) for p in 10.0 ** -np.arange(1.0, 6.01, 0.1))
"""The values that :func:`p_value` can return besides 1: ten a decade from .1 to 1e-6."""


@dataclass(frozen=True)
class Centre:
    """The mean log ratio of pairs, its standard error and degrees of freedom, and the spread of one pair."""

    log: float
    error: float
    freedom: int
    spread: float


def centre_of(logs: Floats, firsts: Sequence[bool] | None) -> Centre | None:
    """Return the centre of log ratios without the effect of the order within a pair; None where it is unknown.

    `firsts` says of each pair whether the candidate was measured first. Least squares on a mean and an effect of
    the order: whatever makes the second trial of a pair slower (warmth left by the first) is estimated and taken
    out, for one degree of freedom. Pairs of one order alone cannot separate the two. `firsts` None: the order is
    not known, and its effect stays in. Raises ValueError if there is not one order for each pair.
    """
    n = logs.size
    turns = np.zeros(n) if firsts is None else np.where(np.asarray(firsts, dtype=np.bool_), 1.0, -1.0)
    if turns.size != n:
        raise ValueError(f"wanted an order for each of {n} pairs, found {turns.size}")
    freedom = n - 1 if firsts is None else n - 2
    mean, turn = float(logs.mean()), float(turns.mean())
    weight = n * (1 - turn**2)
    if freedom < 1 or weight < 0.5:
        return None
    effect = 0.0 if firsts is None else float((logs * (turns - turn)).sum()) / weight
    rest = logs - mean - effect * (turns - turn)
    spread = 0.0 if np.ptp(logs) == 0 else math.sqrt(float((rest**2).sum()) / freedom)
    centre = float(logs[0]) if np.ptp(logs) == 0 else mean - effect * turn
    return Centre(centre, spread / math.sqrt(weight), freedom, spread)


def sequential(ratios: Sequence[float], looks: Looks, firsts: Sequence[bool] | None) -> Interval:
    """Return the ratio's interval after these pairs; some look misses the truth in about 1 - level of comparisons.

    Geometric mean of paired ratios without the effect of their order (:func:`centre_of`), Student's t on
    logarithms. At look n the two-sided nominal level is the normal boundary's, carried over to t by its tail
    probability (the significance-level approach of Jennison and Turnbull, Group Sequential Methods, 2000, sec.
    3.8). The level is therefore approximate: the looks of t depend on each other differently from those with a
    known spread.

    The interval inverts tests that spend less on the side that faces 1: for a ratio above 1, its lower
    limit is further from the estimate than its upper one, and is exactly 1 between the two (Hsu's intervals for
    a decision, Biometrics 40, 1984). Every value tested keeps its two tails, so coverage is about `level`
    (docs/verdicts.md has it, under many kinds of noise).

    Before the first look, and while all pairs had one order, `low` and `high` are None. Constant ratios give an
    interval of no width. Raises NotEnoughData without a pair, ValueError for a ratio that is not finite and above
    zero (such a pair was never valid) and for more pairs than `looks.most`.
    """
    logs = _logs(ratios, looks)
    n = logs.size
    found = centre_of(logs, firsts)
    if found is None or n < looks.first:
        middle = float(logs.mean()) if found is None else found.log
        return Interval(math.exp(middle), None, None, looks.level, n)
    towards, away = (reach * found.error for reach in reaches(looks, n, found.freedom))
    size = abs(found.log)
    near = size - towards if size > towards else min(0.0, size - away)
    far = size + away
    low, high = (near, far) if found.log >= 0 else (-far, -near)
    return Interval(math.exp(found.log), math.exp(low), math.exp(high), looks.level, n)


def p_value(ratios: Sequence[float], looks: Looks, firsts: Sequence[bool] | None) -> float:
    """Return a p of "nothing changed" that is approximately valid wherever the looks stopped.

    For families of comparisons. Approximately, because the boundary is the normal one carried over to t, as in
    :func:`sequential`; `benchmarks verdicts` prints how often it is .01 or less at some look for equal builds.

    It is the smallest probability of :data:`P_VALUES` whose bounds exclude 1, else 1. Only the two bounds facing 1
    count: at a level L their error is `2 x towards_one x (1 - L)`. Raises as :func:`sequential` does.
    """
    logs = _logs(ratios, looks)
    found = centre_of(logs, firsts)
    if found is None or logs.size < looks.first:
        return 1.0
    if found.error == 0:
        return 1.0 if found.log == 0 else P_VALUES[-1]
    statistic = abs(found.log) / found.error
    least = 1.0
    for p in P_VALUES:
        nominal = nominal_tails(looks.most, looks.first, p / 2, _POWER_TOWARDS_ONE)[logs.size - looks.first]
        if statistic <= -float(stdtrit(found.freedom, nominal)):
            break
        least = p
    return least


def _logs(ratios: Sequence[float], looks: Looks) -> Floats:
    if not len(ratios):
        raise NotEnoughData("wanted an interval, found no pair")
    if not usable(ratios):
        raise ValueError(f"wanted ratios that are finite and above zero, found {list(ratios)}")
    if len(ratios) > looks.most:
        raise ValueError(
            f"wanted {looks.most} pairs at most, the looks being fixed in advance; found {len(ratios)}"
        )
    return np.log(np.asarray(ratios, dtype=np.float64))


def reaches(looks: Looks, pairs: int, freedom: int) -> tuple[float, float]:
    """Return the distances of the bound facing 1 and of the other bound from the estimate, in standard errors."""
    share, look = 1 - looks.level, pairs - looks.first
    tail = nominal_tails(looks.most, looks.first, min(1 - looks.towards_one, _SHARE_AWAY) * share, _POWER_AWAY)[
        look
    ]
    away = -float(stdtrit(freedom, tail))
    if looks.towards_one == 0.5:
        return away, away
    tail = nominal_tails(looks.most, looks.first, looks.towards_one * share, _POWER_TOWARDS_ONE)[look]
    return max(away, -float(stdtrit(freedom, tail))), away


@lru_cache(maxsize=512)
def nominal_tails(most: int, first: int, error: float, power: float) -> tuple[float, ...]:
    """Return the nominal one-sided tail of each look; `error` x (n / `most`) ** `power` is spent by look n.

    That is the chance of any crossing by look n, for sums of unit normal pairs. By the recursion of Armitage,
    McPherson and Rowe (JRSS A 132, 1969): the density of paths that have not crossed is convolved with the next
    pair, and the limit cuts off the error that this look may spend.
    """
    edge = -9 * math.sqrt(most)
    grid = np.arange(edge, -edge, _STEP)
    kernel_at = np.arange(-8.0, 8.0 + _STEP / 2, _STEP)
    kernel = np.exp(-(kernel_at**2) / 2) / math.sqrt(2 * math.pi) * _STEP
    density = np.exp(-(grid**2) / (2 * first)) / math.sqrt(2 * math.pi * first)
    tails, spent = [], 0.0
    for pairs in range(first, most + 1):
        if pairs > first:
            density = np.convolve(density, kernel, "same")
        above = np.cumsum(density[::-1])[::-1] * _STEP - density * _STEP / 2
        limit = _crossing(grid, above, error * (pairs / most) ** power - spent)
        tails.append(float(ndtr(-limit / math.sqrt(pairs))))
        density = density * np.clip((limit - grid) / _STEP + 0.5, 0.0, 1.0)
        spent = error * (pairs / most) ** power
    return tuple(tails)


def _crossing(grid: Floats, above: Floats, wanted: float) -> float:
    """Return where the falling tail `above` equals `wanted`, between grid points on a probit scale."""
    right = int(np.searchsorted(-above, -wanted))
    left = right - 1
    a, b, c = (float(ndtri(value)) for value in (above[left], above[right], wanted))
    return float(grid[left] + _STEP * (a - c) / (a - b))
