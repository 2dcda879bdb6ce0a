"""Find where a trial's warm-up ends, from its own iterations, or report that the trial does not settle.

The series is cut into levels. A level equals the last one unless the interval of their ratio lies wholly beyond 5
% (Kalibera and Jones, Rigorous Benchmarking in Reasonable Time, ISMM 2013; Traini et al., EMSE 2023). Everything
after the last unequal level is steady. A long series has enough points for levels with a spread of their own,
their number chosen by its elbow; a short one has one spread and one penalty (docs/verdicts.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter
from scipy.special import ndtri

from lab.stats.sample import Floats, trial_median, usable

Indices = npt.NDArray[np.int64]
Cost = Callable[[Indices, Indices], Floats]
"""Cost of the segments starts[i]:ends[i] (arrays that broadcast); infinite for an empty one."""

State = Literal["steady", "never steady", "unknown (too short)"]

SHORTEST = 10
"""Fewest iterations for any statement on warm-up: three times the three warm-ups that every trial needs."""

TAIL_SHARE = 1 / 6
"""Share at the end of the series that must hold no other level: 500 of 3,000, as in Traini et al."""

LONG_ENOUGH = 500
"""Fewest iterations for which "not settled" means `never steady`; most shorter series that have not settled would
settle later (docs/verdicts.md)."""

TOLERANCE = 0.05
"""Levels closer to each other than this are equal (Kalibera and Jones)."""

RATIO_LEVEL = 0.95
"""Confidence level of the interval of a ratio of levels (Traini et al.)."""

PENALTY = 40 / 3
"""Least gain of a new level of a short series, in squared noise times log n: chosen on development processes."""

LEAST_GAIN = 4.0
"""Least gain, in log n of twice the log-likelihood, for a level of a long series to be a candidate: the low end of
the range of penalties of Traini et al."""

PLAIN = 60.0
"""A level that gains this much counts, wherever the elbow lies: it finds a burst that the elbow would leave in the
tail behind it. From 60 up, no label of the development processes is met or missed because of it."""

MOST_CANDIDATES = 600
"""Most candidate levels; the least gain is doubled until no more are left. Time grows with their cube (half a
second at 600). None of the 600 development processes has more than 517."""

NO_ELBOW = 15.0
"""Least gain, in the unit of LEAST_GAIN, when levels against penalty have no elbow (Traini et al.)."""

_WINDOW = 200
_BEYOND = 3.0
"""An iteration that lies further from the median than 3 times p99 - p1 in any window of 200 is left out of
levels, because single slow iterations are no level (Traini et al.)."""

_START = 40
"""Iterations at the start that no window holds: slow ones there are warm-up. In Traini et al. the number depends
on the operations a point."""

_SHORT_WINDOW = 51
_CLIP = 5.0
"""In shorter series the percentiles are the outliers themselves, so an iteration further than this from the median
of the window around it, in robust standard deviations, is moved to that distance."""

_SHORTEST_LEVEL = 3
_NOISE_WINDOW = 31
_NO_NOISE = 1e-6
"""Least spread of a level, in logarithms: a constant series is one segment."""


@dataclass(frozen=True)
class Steady:
    """The warm-up found in a series: `first` is the first steady iteration, 0-based; None unless steady.

    `level` is the median of the steady iterations, in the unit of the series; None unless steady.
    `segments` are the first iterations of each level, the first of them 0.
    """

    state: State
    first: int | None
    level: float | None
    segments: tuple[int, ...]


def steady(iterations: Sequence[float]) -> Steady:
    """Return the iteration from which the series is steady, if it is.

    Works on whole series and on prefixes. The last sixth (at least ten iterations) must hold no level other than
    the last; if it does, the state is `never steady` for a series of LONG_ENOUGH iterations and `unknown (too
    short)` for a shorter one. Both mean: no steady level, do not average. With fewer than SHORTEST iterations the
    state is unknown too. Raises ValueError for a value that is not finite and above zero.
    """
    if not usable(iterations):
        raise ValueError("wanted iterations that are finite and above zero, found one that is not")
    if len(iterations) < SHORTEST:
        return Steady("unknown (too short)", None, None, ())
    logs, places = _kept(np.log(np.asarray(iterations, dtype=np.float64)))
    found, count = _segments(logs), len(iterations)
    starts, first = tuple(int(places[start]) for start in found), int(places[_settled_at(logs, found)])
    if count - first < max(SHORTEST, math.ceil(TAIL_SHARE * count)):
        state: State = "never steady" if count >= LONG_ENOUGH else "unknown (too short)"
        return Steady(state, None, None, starts)
    return Steady("steady", first, trial_median(iterations[first:]), starts)


def _settled_at(logs: Floats, starts: Sequence[int]) -> int:
    """Return the start of the first segment from which on every segment equals the final one.

    One or two last values are no level: they belong to the segment before them.
    """
    inner = [start for start in starts[1:] if start <= logs.size - _SHORTEST_LEVEL]
    starts, pieces = (0, *inner), np.split(np.exp(logs - np.median(logs)), inner)
    for index in range(len(pieces) - 2, -1, -1):
        if _differ(pieces[index], pieces[-1]):
            return starts[index + 1]
    return 0


def _differ(piece: Floats, final: Floats) -> bool:
    """Return whether the interval of the ratio of two levels' means lies wholly beyond the tolerance.

    Normal, by the variance of a ratio of means (delta method); the authors of the labels draw bootstrap samples.
    """
    ratio = float(final.mean() / piece.mean())
    spread = final.var() / final.size / final.mean() ** 2 + piece.var() / piece.size / piece.mean() ** 2
    reach = float(ndtri((1 + RATIO_LEVEL) / 2)) * ratio * math.sqrt(spread)
    return ratio + reach <= 1 - TOLERANCE or ratio - reach >= 1 + TOLERANCE


def _segments(values: Floats) -> tuple[int, ...]:
    """Return the first index of each level."""
    if values.size >= LONG_ENOUGH:
        return _by_elbow(values)
    penalty = PENALTY * math.log(values.size)
    return tuple(_candidates(values.size, _one_spread(values), penalty).tolist())


def _own_spread(values: Floats) -> Cost:
    """Return the cost of levels that each have their own mean and spread: twice the negative log-likelihood.

    Normal, without constants. The least variance is that of rounding to the series' own tick (a twelfth of its
    square), so that equal values of a coarse clock are not a level without noise.
    """
    sums, squares = np.r_[0.0, np.cumsum(values)], np.r_[0.0, np.cumsum(values**2)]
    gaps = np.diff(np.unique(values))
    tick = float(gaps[gaps > _NO_NOISE**2].min(initial=math.inf))
    least = max(_NO_NOISE**2, tick**2 / 12 if math.isfinite(tick) else 0.0)

    def cost(starts: Indices, ends: Indices) -> Floats:
        sizes = np.maximum(ends - starts, 1)
        variance = (squares[ends] - squares[starts] - (sums[ends] - sums[starts]) ** 2 / sizes) / sizes
        return np.asarray(np.where(ends > starts, sizes * np.log(np.maximum(variance, least)), np.inf))

    return cost


def _one_spread(values: Floats) -> Cost:
    """Return the cost of levels that share one noise: their squared error, in units of that noise."""
    sums, squares = np.r_[0.0, np.cumsum(values)], np.r_[0.0, np.cumsum(values**2)]
    around = np.abs(values - median_filter(values, _odd(min(_NOISE_WINDOW, values.size / 6)), mode="mirror"))
    noise = max(float(1.4826 * np.median(around)), _NO_NOISE)

    def cost(starts: Indices, ends: Indices) -> Floats:
        error = squares[ends] - squares[starts] - (sums[ends] - sums[starts]) ** 2 / (ends - starts)
        return np.asarray(error / noise**2, dtype=np.float64)

    return cost


def _by_elbow(values: Floats) -> tuple[int, ...]:
    """Return the first index of each level of a long series, their number chosen by its elbow.

    The candidates come from the lowest penalty. Among them the best cut into each number of levels is found
    exactly; the numbers that some penalty would choose are the corners of the lower hull of cost against number.
    CROPS (Haynes, Eckley and Fearnhead, J. Comp. Graph. Stat. 26, 2017) finds the same by a new cut for each
    penalty. The elbow is the corner furthest below the chord of number against penalty (Satopaa et al., Kneedle,
    2011).
    """
    cost, least = _own_spread(values), LEAST_GAIN * math.log(values.size)
    while (candidates := _candidates(values.size, cost, least)).size > MOST_CANDIDATES:
        least *= 2
    limits = np.append(candidates, values.size)
    costs, back = _every_number(cost, limits)
    unit = math.log(values.size)
    plain = int((costs + PLAIN * unit * np.arange(1, costs.size + 1)).argmin()) + 1
    count = max(plain, _elbow(costs, least, NO_ELBOW * unit))
    starts, place = [], limits.size - 2
    for number in range(count, 0, -1):
        first = int(back[number - 1][place])
        starts.append(int(limits[first]))
        place = first - 1
    return tuple(reversed(starts))


def _candidates(size: int, cost: Cost, penalty: float) -> Indices:
    """Return the first index of each segment of the cut with the least cost + penalty x segments.

    Exact: PELT (Killick, Fearnhead and Eckley, JASA 107, 2012), segments of two values or more; the open starts of
    each step are judged together.
    """
    best = np.full(size + 1, np.inf)
    best[0] = -penalty
    previous = np.zeros(size + 1, dtype=np.int64)
    open_starts = np.array([0])
    for end in range(2, size + 1):
        costs = best[open_starts] + cost(open_starts, np.array(end))
        winner = int(costs.argmin())
        best[end], previous[end] = costs[winner] + penalty, open_starts[winner]
        open_starts = np.append(open_starts[costs <= best[end]], end - 1)
    starts, end = [], size
    while end > 0:
        end = int(previous[end])
        starts.append(end)
    return np.array(starts[::-1])


def _every_number(cost: Cost, limits: Indices) -> tuple[Floats, list[Indices]]:
    """Return the least cost of 1, 2, ... segments between these limits, and the start of the last segment of each.

    Segment neighbourhood on the candidates alone: element [k - 1][j] is for k segments that end at limits[j + 1].
    """
    table = cost(limits[:-1, None], limits[None, 1:])
    least, back = [table[0]], [np.zeros(table.shape[0], dtype=np.int64)]
    for _ in range(1, table.shape[0]):
        sums = np.append(np.inf, least[-1][:-1])[:, None] + table
        back.append(sums.argmin(axis=0))
        least.append(sums.min(axis=0))
    return np.array([row[-1] for row in least]), back


def _elbow(costs: Floats, least: float, otherwise: float) -> int:
    """Return the number of segments at the elbow; without one, the number that the penalty `otherwise` gives."""
    corner = costs.size - 1
    corners, penalties = [corner], [least]
    while corner > 0:
        slopes = (costs[:corner] - costs[corner]) / (corner - np.arange(corner))
        corner = int(slopes.argmin())
        corners.append(corner)
        penalties.append(max(least, float(slopes[corner])))
    numbers, at = np.array(corners, dtype=np.float64), np.array(penalties)
    if at[-1] > at[0]:
        below = 1 - numbers / numbers[0] - (at - at[0]) / (at[-1] - at[0])
        if below.max() > 0:
            return corners[int(below.argmax())] + 1
    return corners[int((at <= otherwise).sum()) - 1] + 1


def _kept(logs: Floats) -> tuple[Floats, Indices]:
    """Return the values without single outliers, and their original indexes."""
    everywhere = np.arange(logs.size)
    if logs.size < LONG_ENOUGH:
        return _clipped(logs), everywhere
    ordered = np.sort(sliding_window_view(logs[_START:], _WINDOW), axis=1)
    middle, low, high = (_quantile(ordered, q) for q in (0.5, 0.01, 0.99))
    reach, aside = _BEYOND * (high - low), np.full(_WINDOW - 1, np.inf)
    above = sliding_window_view(np.r_[aside, middle + reach, aside], _WINDOW).min(axis=1)
    below = sliding_window_view(np.r_[-aside, middle - reach, -aside], _WINDOW).max(axis=1)
    fine = (logs[_START:] <= above) & (logs[_START:] >= below)
    kept = np.append(everywhere[:_START], everywhere[_START:][fine])
    return logs[kept], kept


def _quantile(ordered: Floats, q: float) -> Floats:
    """Return the quantile of each row of sorted values, between neighbours."""
    place = q * (ordered.shape[1] - 1)
    left = math.floor(place)
    return np.asarray(ordered[:, left] + (place - left) * (ordered[:, left + 1] - ordered[:, left]))


def _clipped(logs: Floats) -> Floats:
    """Clip each value to the running median -+ _CLIP robust standard deviations of its surroundings."""
    centre = median_filter(logs, _odd(min(_SHORT_WINDOW, logs.size / 6)), mode="mirror")
    spread = 1.4826 * median_filter(np.abs(logs - centre), _odd(min(4 * _SHORT_WINDOW, logs.size)), mode="mirror")
    return np.asarray(np.clip(logs, centre - _CLIP * spread, centre + _CLIP * spread), dtype=np.float64)


def _odd(size: float) -> int:
    """Return the largest odd number up to `size`, at least three: a window needs a middle."""
    return max(3, (math.floor(size) - 1) // 2 * 2 + 1)
