"""What the trials of a cell say about it, and which cells of a run may be the best.

The unit is the trial: one fresh process, told by the median of its iterations. Iterations of one process
are never pooled; on real timing noise that calls unchanged code different in 75 % of comparisons at a
nominal 5 %. Everything is computed on logarithms, so a result in another unit is the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from lab.errors import NotEnoughData
from lab.records import Interval, Trial
from lab.stats.order import bounds, depths

if TYPE_CHECKING:
    from lab.stats.sequential import Looks

Floats = npt.NDArray[np.float64]
Better = Literal["lower", "higher"]
Medians = Mapping[int, float]
"""Block -> trial median of one cell: what the run's design pairs by. A block holds a cell at most once."""

MIN_TRIALS = 4
"""No interval and no judgement under this many trials (or pairs): firecracker-microvm/firecracker PR 6047
asks for at least 4 pairs before it believes an A/B test."""

CELL_TRIALS = 5
"""No interval of a cell under this many trials: the least and the greatest of four hold the median in 87.5 %."""

LEVEL = 0.95
_GRID = (np.arange(1024) + 0.5) / 1024
_NO_SPREAD = 1e-9
"""Standard error given to a constant sample, as a share of its value: 1 ns in 1 s, the resolution of the clock."""


@dataclass(frozen=True)
class Spread:
    """Coefficients of variation (0.01 = 1 %) of the two levels; None where they cannot be estimated."""

    between_cv: float | None
    within_cv: float | None


@dataclass(frozen=True)
class Contenders:
    """`best` has the best estimate, `may_be_best` are it and all that cannot be told from it.

    `unknown` had too few trials: they neither won nor lost. `best` is None where fewer than two cells of
    several could be judged.
    """

    best: str | None
    may_be_best: tuple[str, ...]
    unknown: tuple[str, ...]


def usable(values: Iterable[float]) -> bool:
    """Tell whether every value is a finite positive number, as times and rates of work that was done are."""
    return all(np.isfinite(v) and v > 0 for v in values)


def _logs(values: Iterable[float]) -> Floats:
    found = np.asarray(list(values), dtype=np.float64)
    if not usable(found):
        raise ValueError(f"wanted finite values above zero, found {found.tolist()}")
    return np.log(found)


def trial_median(iterations: Sequence[float]) -> float:
    """Return the statistic of a trial: the median of its measured iterations.

    Raises NotEnoughData without any iteration.
    """
    if not iterations:
        raise NotEnoughData("wanted the median of a trial, found no measured iteration")
    return float(np.median(np.asarray(iterations, dtype=np.float64)))


def counted(trial: Trial, metric: str) -> tuple[float, ...]:
    """Return the samples of a trial that count: empty unless it is valid, timed, settled, and they are usable."""
    if not trial.valid or trial.purpose != "time" or trial.state == "unsteady":
        return ()
    found = trial.samples.get(metric, ())[trial.first_steady :]
    return found if usable(found) else ()


def medians_by_block(trials: Iterable[Trial], cell: str, metric: str) -> Medians:
    """Return block -> trial median of a cell, from the samples that count (:func:`counted`).

    If a block holds the cell twice (a trial measured again after a cut), the last one counts.
    """
    return {t.block: trial_median(kept) for t in trials if t.cell == cell and (kept := counted(t, metric))}


def interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Return the geometric mean with Student's t interval on logarithms: of ratios, whose skewness cancels.

    For what a cell prints see :func:`cell_interval`. Under MIN_TRIALS values `low` and `high` are None and only
    the estimate stands. A constant sample is taken at its word: low = estimate = high. Raises NotEnoughData
    without any value and ValueError for a value that is not finite and above zero: such a trial was never
    valid.
    """
    if not 0 < level < 1:
        raise ValueError(f"wanted a level between 0 and 1, found {level}")
    logs = _logs(values)
    if logs.size == 0:
        raise NotEnoughData("wanted an interval, found no valid trial")
    if np.ptp(logs) == 0:
        value = float(values[0])
        bound = value if logs.size >= MIN_TRIALS else None
        return Interval(value, bound, bound, level, logs.size)
    centre = logs.mean()
    estimate = float(np.exp(centre))
    if logs.size < MIN_TRIALS:
        return Interval(estimate, None, None, level, logs.size)
    reach = stdtrit(logs.size - 1, (1 + level) / 2) * logs.std(ddof=1) / np.sqrt(logs.size)
    low, high = float(np.exp(centre - reach)), float(np.exp(centre + reach))
    return Interval(estimate, low, high, level, logs.size)


def cell_interval(medians: Sequence[float], *, looks: Looks | None) -> Interval:
    """Return what is printed for a cell: the median of its trial medians, with its order-statistic interval.

    `looks` None: a fixed number of trials, looked at once (:func:`lab.stats.median.bounds`); none under
    CELL_TRIALS, and at five the level is .9375. `looks` given: a closed loop that stops by the width of this very
    interval, which is paid for at every trial from `looks.first` to `looks.most`, so that it holds the truth as
    often as `looks.level` says wherever it stops (:func:`lab.stats.median.depths`); none before the first depth.
    Give the trials in the order of time; those beyond `looks.most` were not paid for and are left out.

    On logarithms, so that of an even number the middle is the geometric mean of two. Nothing is assumed of the
    noise but that trials are exchangeable. A constant sample is taken at its word. Raises NotEnoughData without
    any value and ValueError for a value that is not finite and above zero: such a trial was never valid.
    """
    logs = _logs(medians if looks is None else medians[: looks.most])
    if logs.size == 0:
        raise NotEnoughData("wanted an interval, found no valid trial")
    level = LEVEL if looks is None else looks.level
    limits: tuple[float, float] | None = None
    if looks is None and logs.size >= CELL_TRIALS:
        found = bounds(logs, level)
        limits, level = (found.low, found.high), found.level
    elif looks is not None and logs.size >= looks.first:
        ordered, depth = np.sort(logs), depths(looks.first, looks.most, level)[logs.size - looks.first]
        limits = (float(ordered[depth - 1]), float(ordered[-depth])) if depth else None
    if np.ptp(logs) == 0:
        value = float(medians[0])
        return Interval(value, value if limits else None, value if limits else None, level, logs.size)
    estimate = float(np.exp(np.median(logs)))
    low, high = (float(np.exp(limit)) for limit in limits) if limits else (None, None)
    return Interval(estimate, low, high, level, logs.size)


def trial_cv(trial_medians: Sequence[float]) -> float | None:
    """Return the coefficient of variation of trial medians (on logs): the noise between trials.

    None under MIN_TRIALS; raises ValueError for a value that is not finite and above zero.
    """
    logs = _logs(trial_medians)
    return _cv(float(logs.var(ddof=1))) if logs.size >= MIN_TRIALS else None


def spread(trials: Sequence[Sequence[float]]) -> Spread:
    """Split the variation of iterations (one sequence a trial) into between and within trials.

    Method-of-moments (ANOVA) estimator of the unbalanced one-way random model on logarithms, negative
    components set to zero (Searle, Casella and McCulloch, Variance Components, 1992, sec. 3.6):
    within = MSW, between = (MSB - MSW) / n0, n0 = (N - sum n_i^2 / N) / (k - 1); a variance v of logs is
    the coefficient of variation sqrt(exp(v) - 1). None: within, if no trial has two iterations; between,
    under MIN_TRIALS trials or where within is None, because the two can then not be told apart.
    """
    logs = [_logs(t) for t in trials if len(t)]
    sizes = np.array([t.size for t in logs], dtype=np.float64)
    total, groups = float(sizes.sum()), len(logs)
    if total <= groups:
        return Spread(None, None)
    within = sum(float(((t - t.mean()) ** 2).sum()) for t in logs) / (total - groups)
    if groups < MIN_TRIALS:
        return Spread(None, _cv(within))
    means = np.array([t.mean() for t in logs])
    grand = float((sizes * means).sum()) / total
    between = float((sizes * (means - grand) ** 2).sum()) / (groups - 1)
    per_trial = (total - float((sizes**2).sum()) / total) / (groups - 1)
    return Spread(_cv(max(0.0, (between - within) / per_trial)), _cv(within))


def _cv(log_variance: float) -> float:
    return float(np.sqrt(np.expm1(log_variance)))


def probability_best(cells: Mapping[str, Medians], better: Better) -> dict[str, float | None]:
    """Return each cell's probability of having the best true median, given all trials.

    Posterior of each log median: its estimate + scale * t(n - 1), the scale that of its order-statistic
    interval, so that one slow trial or a second mode widens it no more than it should. The
    probability is the integral of one cell's density times the others' tails, by the midpoint rule on
    1024 quantiles (error below 0.001), so that there is no seed and no order of cells. What a block does to
    all its cells (heat, a busy host) is taken out first, as Cousineau (2005) with Morey's (2008) factor
    k / (k - 1) does for complete blocks; here by alternating fits, so that a missing trial does no harm,
    and with each block's median over cells, so that a noisy cell does not lend its noise to the others.
    How often it is right: docs/adr/0012.

    Cells under MIN_TRIALS trials are None, and so is a lone judged cell among unknown ones; otherwise
    the probabilities are those among the judged cells and sum to 1.
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
    """Return the log median of each cell that has MIN_TRIALS trials: what orders cells.

    Where all have the same blocks it is the logarithm of what :func:`cell_interval` prints. Where not, what
    blocks do to all their cells is taken out: a cell that lacks a slow block must not look fast for it.
    """
    judged = [name for name in cells if len(cells[name]) >= MIN_TRIALS]
    if len({frozenset(cells[name]) for name in judged}) < 2:
        return {name: float(np.median(_logs(cells[name].values()))) for name in judged}
    table, _ = _table([cells[name] for name in judged])
    return {name: float(np.nanmedian(row)) for name, row in zip(judged, table, strict=True)}


def _error(logs: Floats) -> float:
    """Return the scale of a median: half its interval, over the t quantile of the level that it holds."""
    found = bounds(logs, LEVEL)
    reach = float(stdtrit(logs.size - 1, (1 + found.level) / 2))
    return max((found.high - found.low) / 2 / reach, _NO_SPREAD)


def _table(cells: Sequence[Medians]) -> tuple[Floats, float]:
    """Return logs of cells x blocks (NaN: missing) without what blocks share, and Morey's factor of variance.

    A trial alone in its block cannot be parted from its block's effect and is left out, unless that
    leaves a cell under MIN_TRIALS: then every trial counts, and what blocks did stays in.
    """
    blocks = sorted({block for cell in cells for block in cell})
    table = np.full((len(cells), len(blocks)), np.nan)
    for row, cell in zip(table, cells, strict=True):
        row[[blocks.index(block) for block in cell]] = _logs(cell.values())
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
    """Return the probability of each of several independent scaled t variables to be the lowest."""
    wins = np.empty(means.size)
    for cell in range(means.size):
        points = means[cell] + errors[cell] * stdtrit(freedom[cell], _GRID)
        others = np.arange(means.size) != cell
        standard = (points[:, None] - means[None, others]) / errors[None, others]
        wins[cell] = stdtr(freedom[None, others], -standard).prod(axis=1).mean()
    return np.asarray(wins / wins.sum(), dtype=np.float64)


def contenders(cells: Mapping[str, Medians], better: Better, level: float = LEVEL) -> Contenders:
    """Return the cells not distinguishable from the best: with confidence `level` the true best is one.

    Subset selection in the manner of Gupta (1965) and Hsu's multiple comparisons with the best (1984): a
    cell is out when some other judged cell has the better :func:`centres` and is better by a one-sided t test
    on log medians at (1 - level) / (k - 1), k = judged cells (Bonferroni). So a cell is never thrown out by one
    whose printed estimate is worse, and the best estimate always stays. For the true best all k - 1 hypotheses
    tested against it are true, so it is thrown out with probability 1 - level at most. Holm's steps would
    change nothing, because the first of them decides whether anything is rejected.

    Each test is paired on the blocks both cells have, if they are MIN_TRIALS or more, because blocks
    drift; Welch's otherwise. `best` is the contender with the best :func:`centres`.
    A cell under MIN_TRIALS trials is `unknown`: it neither wins nor loses.
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
    """Return the one-sided p of "the rival is not better than the cell"; sign is 1 where lower is better."""
    common = sorted(rival.keys() & cell.keys())
    if len(common) >= MIN_TRIALS:
        gaps = _logs(cell[block] for block in common) - _logs(rival[block] for block in common)
        gap, error, freedom = gaps.mean(), gaps.std(ddof=1) / np.sqrt(gaps.size), gaps.size - 1.0
    else:
        ours, theirs = _logs(cell.values()), _logs(rival.values())
        first, second = ours.var(ddof=1) / ours.size, theirs.var(ddof=1) / theirs.size
        gap, error = ours.mean() - theirs.mean(), np.sqrt(first + second)
        parts = first**2 / (ours.size - 1) + second**2 / (theirs.size - 1)
        freedom = (first + second) ** 2 / parts if parts > 0 else 1.0
    return float(stdtr(freedom, -sign * gap / max(error, _NO_SPREAD)))
