"""The cells of a run that may be the best, and each cell's probability of being it.

The unit is the trial: one fresh process, represented by the median of its iterations. Iterations of one process
are never pooled: on real timing noise, pooling calls unchanged code different in 75 % of comparisons at a
nominal 5 %. Everything is computed on logarithms, so the unit of the values does not change the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from lab.stats.order import bounds
from lab.stats.sample import LEVEL, MIN_TRIALS, Better, Floats, Medians, logs_of

_GRID = (np.arange(1024) + 0.5) / 1024
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


def probability_best(cells: Mapping[str, Medians], better: Better) -> dict[str, float | None]:
    """Return each cell's probability of having the best true median, given all trials.

    Posterior of each log median: its estimate + scale * t(n - 1), the scale that of its order-statistic
    interval, so that one slow trial or a second mode widens it no more than it should. The
    probability is the integral of one cell's density times the others' tails, by the midpoint rule on
    1024 quantiles (error below 0.001): it needs no seed and does not depend on the order of cells. The effect of a
    block on all its cells (heat, a busy host) is removed first, as Cousineau (2005) with Morey's (2008) factor
    k / (k - 1) does for complete blocks; here by alternating fits, so that a missing trial does no harm,
    and with each block's median over cells, so that a noisy cell does not lend its noise to the others.
    docs/adr/0012 has its calibration.

    The probability is None for a cell with fewer than MIN_TRIALS trials, and for the only judged cell among
    unknown ones; otherwise the probabilities of the judged cells sum to 1.
    """
    judged = [name for name in cells if len(cells[name]) >= MIN_TRIALS]
    answer: dict[str, float | None] = dict.fromkeys(cells)
    if len(judged) < 2:
        return answer if len(cells) > 1 else dict.fromkeys(judged, 1.0) or answer
    table, factor = _table([cells[name] for name in judged])
    rows = [row[np.isfinite(row)] for row in table]
    middles = np.array([np.median(row) for row in rows])
    errors = np.array([np.sqrt(factor) * _error(row) for row in rows])
    freedom = np.array([row.size - 1.0 for row in rows])
    sign = 1.0 if better == "lower" else -1.0
    for name, probability in zip(judged, _first(sign * middles, errors, freedom), strict=True):
        answer[name] = float(probability)
    return answer


def centres(cells: Mapping[str, Medians]) -> dict[str, float]:
    """Return the log median of each cell that has MIN_TRIALS trials; cells are ordered by it.

    If all cells have the same blocks, it is the logarithm of the estimate of
    :func:`lab.stats.interval.cell_interval`. If not, the effect of each block on all its cells is removed: a cell
    that lacks a slow block must not look fast.
    """
    judged = [name for name in cells if len(cells[name]) >= MIN_TRIALS]
    if len({frozenset(cells[name]) for name in judged}) < 2:
        return {name: float(np.median(logs_of(cells[name].values()))) for name in judged}
    table, _ = _table([cells[name] for name in judged])
    return {name: float(np.nanmedian(row)) for name, row in zip(judged, table, strict=True)}


def _error(logs: Floats) -> float:
    """Return the scale of a median: half its interval, divided by the t quantile of the interval's level."""
    found = bounds(logs, LEVEL)
    reach = float(stdtrit(logs.size - 1, (1 + found.level) / 2))
    return max((found.high - found.low) / 2 / reach, _NO_SPREAD)


def _table(cells: Sequence[Medians]) -> tuple[Floats, float]:
    """Return logs (cells x blocks, NaN: missing) without the blocks' effects, and Morey's factor of variance.

    A trial alone in its block cannot be separated from the block's effect and is left out. If that leaves a cell
    with fewer than MIN_TRIALS, every trial counts and the blocks' effects stay in.
    """
    blocks = sorted({block for cell in cells for block in cell})
    table = np.full((len(cells), len(blocks)), np.nan)
    for row, cell in zip(table, cells, strict=True):
        row[[blocks.index(block) for block in cell]] = logs_of(cell.values())
    shared = np.isfinite(table).sum(axis=0) >= 2
    if np.isfinite(table[:, shared]).sum(axis=1).min() < MIN_TRIALS:
        return table, 1.0
    return _without_blocks(table[:, shared]), len(cells) / (len(cells) - 1)


def _without_blocks(table: Floats) -> Floats:
    """Subtract from cells x blocks (NaN: missing) each block's median deviation from the cells' means."""
    effects = np.zeros(table.shape[1])
    for _ in range(20):
        means = np.nanmean(table - effects, axis=1)
        effects = np.nanmedian(table - means[:, None], axis=0)
        effects -= effects.mean()
    return np.asarray(table - effects, dtype=np.float64)


def _first(means: Floats, errors: Floats, freedom: Floats) -> Floats:
    """Return, for each of several independent scaled t variables, the probability that it is the lowest."""
    wins = np.empty(means.size)
    for cell in range(means.size):
        points = means[cell] + errors[cell] * stdtrit(freedom[cell], _GRID)
        others = np.arange(means.size) != cell
        standard = (points[:, None] - means[None, others]) / errors[None, others]
        wins[cell] = stdtr(freedom[None, others], -standard).prod(axis=1).mean()
    return np.asarray(wins / wins.sum(), dtype=np.float64)


def contenders(cells: Mapping[str, Medians], better: Better, level: float = LEVEL) -> Contenders:
    """Return the cells that cannot be separated from the best; with confidence `level` the true best is one.

    Subset selection in the manner of Gupta (1965) and Hsu's multiple comparisons with the best (1984): a
    cell is out when some other judged cell has the better :func:`centres` and is better by a one-sided t test
    on log medians at (1 - level) / (k - 1), k = judged cells (Bonferroni). So a cell is never ruled out by one
    whose printed estimate is worse, and the best estimate always stays. For the true best all k - 1 hypotheses
    tested against it are true, so it is ruled out with probability 1 - level at most. Holm's steps would
    change nothing, because the first of them decides whether anything is rejected.

    Each test is paired on the blocks that both cells have, because blocks drift; if these are fewer than
    MIN_TRIALS, it is Welch's test. `best` is the contender with the best :func:`centres`.
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
            centre[rival] >= centre[name] or _p_better(cells[rival], cells[name], sign) >= limit
            for rival in judged
            if rival != name
        )
    )
    return Contenders(min(kept, key=lambda name: centre[name]), kept, unknown)


def _p_better(rival: Medians, cell: Medians, sign: float) -> float:
    """Return the one-sided p of "the rival is not better than the cell"; `sign` is 1 if lower is better."""
    common = sorted(rival.keys() & cell.keys())
    if len(common) >= MIN_TRIALS:
        gaps = logs_of(cell[block] for block in common) - logs_of(rival[block] for block in common)
        gap, error, freedom = gaps.mean(), gaps.std(ddof=1) / np.sqrt(gaps.size), gaps.size - 1.0
    else:
        ours, theirs = logs_of(cell.values()), logs_of(rival.values())
        first, second = ours.var(ddof=1) / ours.size, theirs.var(ddof=1) / theirs.size
        gap, error = ours.mean() - theirs.mean(), np.sqrt(first + second)
        parts = first**2 / (ours.size - 1) + second**2 / (theirs.size - 1)
        freedom = (first + second) ** 2 / parts if parts > 0 else 1.0
    return float(stdtr(freedom, -sign * gap / max(error, _NO_SPREAD)))
