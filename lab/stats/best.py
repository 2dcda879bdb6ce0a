"""The cells of a run that may be the best.

The unit is the trial: one fresh process, represented by the median of its iterations. Iterations of one process
are never pooled: on real timing noise, pooling calls unchanged code different in 75 % of comparisons at a
nominal 5 %. Everything is computed on logarithms, so the unit of the values does not change the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtrit

from lab.records import LEVEL, Interval
from lab.stats.order import bounds
from lab.stats.sample import MIN_TRIALS, Better, Floats, Medians, logs_of

_NO_SPREAD = 1e-9
"""Least standard error, as a share of the value, for constant samples: 1 ns in 1 s, the clock's resolution."""


@dataclass(frozen=True)
class Contenders:
    """`best` has the best estimate; `may_be_best` are it and all cells that the run cannot separate from it.

    `against_best` is cell / best of every other judged cell. Its intervals hold together at their level, and the
    other cells of `may_be_best` are those whose interval does not exclude 1. `unknown` cells had too few trials:
    they neither won nor lost. `best` is None where fewer than two cells of several could be judged.
    """

    best: str | None
    may_be_best: tuple[str, ...]
    unknown: tuple[str, ...]
    against_best: Mapping[str, Interval] = field(default_factory=dict)


def centres(cells: Mapping[str, Medians]) -> dict[str, float]:
    """Return the log median of each cell that has MIN_TRIALS trials; cells are ordered by it.

    If all cells have the same blocks, it is the logarithm of the estimate of
    :func:`lab.stats.interval.cell_interval`. If not, the effect of each block on all its cells is removed: a cell
    that lacks a slow block must not look fast.
    """
    judged = [name for name in cells if len(cells[name]) >= MIN_TRIALS]
    if len({frozenset(cells[name]) for name in judged}) < 2:
        return {name: float(np.median(logs_of(cells[name].values()))) for name in judged}
    table = _table([cells[name] for name in judged])
    return {name: float(np.nanmedian(row)) for name, row in zip(judged, table, strict=True)}


def _table(cells: Sequence[Medians]) -> Floats:
    """Return logs (cells x blocks, NaN: missing) without the blocks' effects.

    A trial alone in its block cannot be separated from the block's effect and is left out. If that leaves a cell
    with fewer than MIN_TRIALS, every trial counts and the blocks' effects stay in.
    """
    blocks = sorted({block for cell in cells for block in cell})
    table = np.full((len(cells), len(blocks)), np.nan)
    for row, cell in zip(table, cells, strict=True):
        row[[blocks.index(block) for block in cell]] = logs_of(cell.values())
    shared = np.isfinite(table).sum(axis=0) >= 2
    if np.isfinite(table[:, shared]).sum(axis=1).min() < MIN_TRIALS:
        return table
    return _without_blocks(table[:, shared])


def _without_blocks(table: Floats) -> Floats:
    """Subtract from cells x blocks (NaN: missing) each block's median deviation from the cells' means."""
    effects = np.zeros(table.shape[1])
    for _ in range(20):
        means = np.nanmean(table - effects, axis=1)
        effects = np.nanmedian(table - means[:, None], axis=0)
        effects -= effects.mean()
    return np.asarray(table - effects, dtype=np.float64)


def contenders(cells: Mapping[str, Medians], better: Better, level: float = LEVEL) -> Contenders:
    """Return the cells that cannot be separated from the best; with confidence `level` the true best is one.

    The true best has the best true median, as the printed figure is a median. Subset selection in the manner of
    Gupta (1965) and Hsu's multiple comparisons with the best (1984): `best` has the best :func:`centres`, and a
    cell is out when its :func:`ratio_to` the best excludes 1. The k - 1 intervals, k = judged cells, hold together
    at `level` (Bonferroni), so a reader finds in each what was decided. If the true best is not `best`, the
    interval that rules it out is false, which happens with probability 1 - level at most.

    A cell with fewer than MIN_TRIALS trials is `unknown`: it neither wins nor loses.
    """
    judged = [name for name in cells if len(cells[name]) >= MIN_TRIALS]
    unknown = tuple(name for name in cells if name not in judged)
    if not judged or (len(judged) == 1 and unknown):
        return Contenders(None, (), unknown)
    sign = 1.0 if better == "lower" else -1.0
    centre = centres(cells)
    best = min(judged, key=lambda name: sign * centre[name])
    tail = (1 - level) / 2 / max(1, len(judged) - 1)
    gaps = {name: ratio_to(cells[best], cells[name], tail, level) for name in judged if name != best}
    kept = tuple(name for name in judged if name == best or not _worse(gaps[name], better))
    return Contenders(best, kept, unknown, gaps)


def _worse(gap: Interval, better: Better) -> bool:
    """Return whether the whole interval of a ratio lies on the worse side of 1."""
    return gap.low is not None and gap.low > 1 if better == "lower" else gap.high is not None and gap.high < 1


def ratio_to(best: Medians, cell: Medians, tail: float, level: float) -> Interval:
    """Return cell / best with an interval that errs by `tail` at each end, called an interval of `level`.

    The estimate is the ratio of the geometric means. The interval holds both that ratio and the one of the
    medians: where cells differ in the shape of their noise, an interval of means alone rules the best median out
    in up to 22 % (docs/adr/0020). It goes by the blocks that both cells have, because blocks drift; if these are
    fewer than MIN_TRIALS, all trials count and none are paired. `n` is the number of pairs, or of the trials of
    the smaller side.
    """
    common = sorted(best.keys() & cell.keys())
    paired = len(common) >= MIN_TRIALS
    ours = logs_of(cell[block] for block in (common if paired else cell))
    theirs = logs_of(best[block] for block in (common if paired else best))
    ends = [_means(ours, theirs, tail, paired=paired), _medians(ours, theirs, tail, paired=paired)]
    low, high = (math.exp(pick(end[side] for end in ends)) for side, pick in enumerate((min, max)))
    estimate = math.exp(float(ours.mean() - theirs.mean()))
    return Interval(estimate, low, high, level, min(ours.size, theirs.size))


def _means(cell: Floats, best: Floats, tail: float, *, paired: bool) -> tuple[float, float]:
    """Return the ends of the difference of two means of logs, by Student's paired t or Welch's."""
    if paired:
        error, freedom = float((cell - best).std(ddof=1)) / math.sqrt(cell.size), cell.size - 1.0
    else:
        parts = [float(logs.var(ddof=1)) / logs.size for logs in (cell, best)]
        error, freedom = math.sqrt(sum(parts)), _freedom(parts, (cell.size, best.size))
    return _around(float(cell.mean() - best.mean()), error, freedom, tail)


def _medians(cell: Floats, best: Floats, tail: float, *, paired: bool) -> tuple[float, float]:
    """Return the ends of the difference of two medians of logs, by t.

    The scale of each median is that of its order-statistic interval. Medians of the same blocks rise and fall
    together: in large samples their correlation is that of Blomqvist's quadrants (Annals of Mathematical
    Statistics 21, 1950), the mean product of the signs around the medians; below zero it counts as zero.
    """
    scales = [_scale(logs) for logs in (cell, best)]
    shared, freedom = 0.0, _freedom([scale**2 for scale in scales], (cell.size, best.size))
    if paired:
        signs = np.sign(cell - np.median(cell)) * np.sign(best - np.median(best))
        known = int(np.count_nonzero(signs))
        shared, freedom = max(0.0, float(signs.sum()) / (known or 1)), cell.size - 1.0
    variance = scales[0] ** 2 + scales[1] ** 2 - 2 * shared * scales[0] * scales[1]
    return _around(float(np.median(cell) - np.median(best)), math.sqrt(max(variance, 0.0)), freedom, tail)


def _around(centre: float, error: float, freedom: float, tail: float) -> tuple[float, float]:
    reach = -float(stdtrit(freedom, tail)) * max(error, _NO_SPREAD)
    return centre - reach, centre + reach


def _scale(logs: Floats) -> float:
    """Return the scale of a median: half its interval, divided by the t quantile of the interval's level."""
    found = bounds(logs, LEVEL)
    reach = float(stdtrit(logs.size - 1, (1 + found.level) / 2))
    return max((found.high - found.low) / 2 / reach, _NO_SPREAD)


def _freedom(variances: Sequence[float], sizes: tuple[int, int]) -> float:
    """Return the degrees of freedom of a sum of two variances (Welch and Satterthwaite)."""
    parts = sum(variance**2 / (size - 1) for variance, size in zip(variances, sizes, strict=True))
    return sum(variances) ** 2 / parts if parts > 0 else 1.0
