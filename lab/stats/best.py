"""The cells of a run that may be the best.

The unit is the trial: one fresh process, represented by the median of its iterations. Iterations of one process
are never pooled: on real timing noise, pooling calls unchanged code different in 75 % of comparisons at a
nominal 5 %. Everything is computed on logarithms, so the unit of the values does not change the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from lab.records import LEVEL
from lab.stats.order import bounds
from lab.stats.sample import MIN_TRIALS, Better, Floats, Medians, logs_of

_NO_SPREAD = 1e-9
"""Least standard error, as a share of the value, for constant samples: 1 ns in 1 s, the clock's resolution."""


@dataclass(frozen=True)
class Contenders:
    """`best` has the best estimate; `may_be_best` are it and all cells that the run cannot separate from it.

    `unknown` cells had too few trials: they neither won nor lost. `best` is None where fewer than two cells of
    several could be judged.
    """

    best: str | None
    may_be_best: tuple[str, ...]
    unknown: tuple[str, ...]


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
    Gupta (1965) and Hsu's multiple comparisons with the best (1984): a cell is out when some other judged cell has
    the better :func:`centres` and is better by two one-sided tests on log medians at (1 - level) / (k - 1), k =
    judged cells (Bonferroni): of the mean ratio, which is printed as "slower", and of the difference of the
    medians. Where cells differ in the shape of their noise, a test of means alone rules the best median out in up
    to 22 % (docs/adr/0020). The best estimate always stays. For the true best all k - 1 hypotheses tested against
    it are true, so it is ruled out with probability 1 - level at most. Holm's steps would change nothing, because
    the first of them decides whether anything is rejected.

    Both tests go by the blocks that both cells have, because blocks drift; if these are fewer than MIN_TRIALS, all
    trials count and none are paired. `best` is the contender with the best :func:`centres`.
    A cell with fewer than MIN_TRIALS trials is `unknown`: it neither wins nor loses.
    """
    judged = [name for name in cells if len(cells[name]) >= MIN_TRIALS]
    unknown = tuple(name for name in cells if name not in judged)
    if not judged or (len(judged) == 1 and unknown):
        return Contenders(None, (), unknown)
    sign = 1.0 if better == "lower" else -1.0
    limit = (1 - level) / max(1, len(judged) - 1)
    centre = {name: sign * found for name, found in centres(cells).items()}
    kept = tuple(
        name
        for name in judged
        if all(
            centre[rival] >= centre[name] or not _better(cells[rival], cells[name], sign, limit)
            for rival in judged
            if rival != name
        )
    )
    return Contenders(min(kept, key=lambda name: centre[name]), kept, unknown)


def _better(rival: Medians, cell: Medians, sign: float, limit: float) -> bool:
    """Return whether the rival is better by both tests, each at `limit`; `sign` is 1 if lower is better."""
    common = sorted(rival.keys() & cell.keys())
    paired = len(common) >= MIN_TRIALS
    ours = sign * logs_of(cell[block] for block in (common if paired else cell))
    theirs = sign * logs_of(rival[block] for block in (common if paired else rival))
    return _p_of_means(ours, theirs, paired=paired) < limit and _p_of_medians(ours, theirs, paired=paired) < limit


def _p_of_means(cell: Floats, rival: Floats, *, paired: bool) -> float:
    """Return the p of Student's paired t test, or of Welch's."""
    if paired:
        gaps = cell - rival
        error, freedom = float(gaps.std(ddof=1)) / math.sqrt(gaps.size), gaps.size - 1.0
    else:
        parts = [float(logs.var(ddof=1)) / logs.size for logs in (cell, rival)]
        error, freedom = math.sqrt(sum(parts)), _freedom(parts, (cell.size, rival.size))
    return float(stdtr(freedom, -(cell.mean() - rival.mean()) / max(error, _NO_SPREAD)))


def _p_of_medians(cell: Floats, rival: Floats, *, paired: bool) -> float:
    """Return the p of a t test of the difference of two medians.

    The scale of each median is that of its order-statistic interval. Medians of the same blocks rise and fall
    together: in large samples their correlation is that of Blomqvist's quadrants (Annals of Mathematical
    Statistics 21, 1950), the mean product of the signs around the medians; below zero it counts as zero.
    """
    scales = [_scale(logs) for logs in (cell, rival)]
    shared, freedom = 0.0, _freedom([scale**2 for scale in scales], (cell.size, rival.size))
    if paired:
        signs = np.sign(cell - np.median(cell)) * np.sign(rival - np.median(rival))
        known = int(np.count_nonzero(signs))
        shared, freedom = max(0.0, float(signs.sum()) / (known or 1)), cell.size - 1.0
    variance = scales[0] ** 2 + scales[1] ** 2 - 2 * shared * scales[0] * scales[1]
    gap = float(np.median(cell) - np.median(rival))
    return float(stdtr(freedom, -gap / max(math.sqrt(max(variance, 0.0)), _NO_SPREAD)))


def _scale(logs: Floats) -> float:
    """Return the scale of a median: half its interval, divided by the t quantile of the interval's level."""
    found = bounds(logs, LEVEL)
    reach = float(stdtrit(logs.size - 1, (1 + found.level) / 2))
    return max((found.high - found.low) / 2 / reach, _NO_SPREAD)


def _freedom(variances: Sequence[float], sizes: tuple[int, int]) -> float:
    """Return the degrees of freedom of a sum of two variances (Welch and Satterthwaite)."""
    parts = sum(variance**2 / (size - 1) for variance, size in zip(variances, sizes, strict=True))
    return sum(variances) ** 2 / parts if parts > 0 else 1.0
