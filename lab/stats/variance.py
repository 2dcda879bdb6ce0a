"""Sources of a run's variance: between trials or within, blocks, time, temperature, CPU use by other programs.

A correlation here is a hint, not a cause. Time, heat and load rise together, so only time itself is correlated as
it is; any other covariate by its steps from trial to trial, in which a drift has no part. With fewer than
:data:`ENOUGH` trials nothing is claimed, and an unclaimed correlation comes with the smallest one that would have
been claimed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from lab.records.explanation import Link, Sources
from lab.stats.interval import spread
from lab.stats.sample import MIN_TRIALS, Floats, trial_median

ENOUGH = 10
"""Fewest degrees of freedom, plus two, for a claim of correlation: the least n for which Bonett and Wright
(Psychometrika 65, 2000) found intervals of Spearman's correlation near their level. For one cell it is the number
of trials; each further cell needs one more, because its mean is subtracted."""

TIME = "time"
"""The covariate that is examined as it is: a drift is what it claims."""

INFLATION = 1.5
"""Variance of the correlation of steps over that of independent pairs, at most: steps of independent values have
the autocorrelation -1/2, so 1 + 2 x 1/4 (Bartlett, Journal of the Royal Statistical Society 98, 1935)."""

ALPHA = 0.05
"""Chance of any claim when nothing is correlated; shared by Bonferroni among the covariates examined."""


_FLAT = 1e-9
"""Logarithms closer than this are equal: 1 ns in 1 s."""


@dataclass(frozen=True)
class Point:
    """A trial that counts: its samples, and its covariates by name (an absent name was not known)."""

    cell: str
    block: int
    samples: Sequence[float]
    covariates: Mapping[str, float]


def sources(points: Sequence[Point]) -> Sources:
    """Split the variation of the trials that count, and examine every covariate that any of them names.

    `points` are in the order of time. Raises ValueError for a sample that is not finite and above zero.
    """
    kept = [point for point in points if len(point.samples)]
    cells = sorted({point.cell for point in kept})
    between, within = _pooled(kept, cells)
    share, p = _blocks(kept, cells)
    names = sorted({name for point in kept for name in point.covariates})
    return Sources(
        trials=len(kept),
        cells=len(cells),
        between_cv=between,
        within_cv=within,
        block_share=share,
        block_p=p,
        links=tuple(_link(name, kept, looked_at=len(names)) for name in names),
    )


def residuals(points: Sequence[Point]) -> Floats:
    """Return each trial's log median minus its cell's mean log median."""
    logs = np.log([trial_median(point.samples) for point in points])
    found = np.empty(logs.size)
    for cell in {point.cell for point in points}:
        own = np.array([point.cell == cell for point in points])
        found[own] = logs[own] - logs[own].mean()
    return found


def _pooled(points: Sequence[Point], cells: Sequence[str]) -> tuple[float | None, float | None]:
    """Average the cells' variance components, each weighted by its degrees of freedom."""
    between, within = [], []
    for cell in cells:
        own = [point.samples for point in points if point.cell == cell]
        found = spread(own)
        if found.between_cv is not None:
            between.append((found.between_cv, len(own) - 1))
        if found.within_cv is not None:
            within.append((found.within_cv, sum(len(samples) - 1 for samples in own)))
    return _mean_cv(between), _mean_cv(within)


def _mean_cv(found: Sequence[tuple[float, int]]) -> float | None:
    weight = sum(freedom for _, freedom in found)
    if not weight:
        return None
    return math.sqrt(math.expm1(sum(math.log1p(cv**2) * freedom for cv, freedom in found) / weight))


def _blocks(points: Sequence[Point], cells: Sequence[str]) -> tuple[float | None, float | None]:
    """Return the share of blocks in the variance between trials, and the p of their F test.

    Two-way additive model by least squares, so that a missing trial does no harm; components by the method
    of moments (Searle, Casella and McCulloch, Variance Components, 1992, ch. 4). Needs two cells and
    MIN_TRIALS blocks: with one cell, a block is a trial.
    """
    blocks = sorted({point.block for point in points})
    freedom = len(points) - len(cells) - len(blocks) + 1
    if len(cells) < 2 or len(blocks) < MIN_TRIALS or freedom < MIN_TRIALS:
        return None, None
    left = residuals(points)
    columns = [[float(point.cell == cell) for point in points] for cell in cells]
    columns += [[float(point.block == block) for point in points] for block in blocks[1:]]
    design = np.array(columns).T
    fitted = design @ np.linalg.lstsq(design, left, rcond=None)[0]
    noise = float(((left - fitted) ** 2).sum()) / freedom
    shared = (float((left**2).sum()) - noise * freedom) / (len(blocks) - 1)
    if noise <= 0:
        return None, None
    component = max(0.0, (shared - noise) / (len(points) / len(blocks)))
    return component / (component + noise), float(fdtrc(len(blocks) - 1, freedom, shared / noise))


def ranks(values: Floats) -> Floats:
    """Return the rank of each value from 1; equal ones share their mean rank.

    As `scipy.stats.rankdata`, whose import costs as much CPU time as three `lab show`.
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place], dtype=np.float64)


def _link(name: str, points: Sequence[Point], *, looked_at: int) -> Link:
    known = [point for point in points if math.isfinite(point.covariates.get(name, math.nan))]
    freedom = len(known) - len({point.cell for point in known}) - 1
    values = np.array([point.covariates[name] for point in known])
    if freedom + 2 < ENOUGH or np.ptp(values) == 0:
        return Link(name, len(known), None, None, None, False)
    left, pairs = residuals(known), freedom + 2.0
    if name != TIME:
        left, values, pairs = np.diff(left), np.diff(values), (pairs - 1) / INFLATION
    if np.ptp(left) < _FLAT or np.ptp(values) == 0:
        return Link(name, len(known), None, None, None, False)
    rho = float(np.corrcoef(ranks(values), ranks(left))[0, 1])
    p = _p_of(rho, pairs - 2)
    limit = ALPHA / looked_at
    t = float(stdtrit(pairs - 2, 1 - limit / 2))
    return Link(name, len(known), rho, p, t / math.sqrt(t * t + pairs - 2), p <= limit)


def _p_of(rho: float, freedom: float) -> float:
    """Return the two-sided p of a rank correlation by Student's t, good from ten pairs on (Zar, 1972)."""
    if abs(rho) >= 1:
        return 0.0
    return float(2 * stdtr(freedom, -abs(rho) * math.sqrt(freedom / (1 - rho * rho))))
