"""Where a trial's warm-up ends, found from its own iterations; a trial that does not settle says so.

The series is cut into segments of one level each, and a segment counts as the last one's equal unless the
interval of their ratio lies wholly beyond 5 % (Kalibera and Jones, Rigorous Benchmarking in Reasonable Time,
ISMM 2013; Traini et al., EMSE 2023). Steady is what follows the last segment that is not equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import median_filter
from scipy.special import stdtrit

from lab.stats.summary import Floats, usable

State = Literal["steady", "never steady", "unknown (too short)"]

SHORTEST = 10
"""Iterations under which nothing is said about warm-up: three times the three warm-ups no trial does without."""

TAIL_SHARE = 1 / 6
"""The end of the series that must be free of other levels: 500 of 3,000, as in Traini et al."""

LONG_ENOUGH = 500
"""Iterations from which "not settled" is called `never steady`; of shorter ones that are unsettled most would
have settled later (docs/verdicts.md)."""

TOLERANCE = 0.05
"""Levels nearer to each other than this are equal (Kalibera and Jones)."""

LEVEL = 0.90
"""Of the interval of a ratio of levels: chosen on the development processes."""

PENALTY = 40 / 3
"""What a new segment must gain, in squared noise times log n: chosen on the development processes."""

_WINDOW = 51
_CLIP = 5.0
"""An iteration further than this from the median of the window around it, in robust standard deviations, is
moved to that distance: single slow iterations are no level."""

_SHORTEST_LEVEL = 3
_NOISE_WINDOW = 31
_NO_NOISE = 1e-6
"""Least noise of logarithms: a constant series is one segment, and a microsecond in a second is no step."""


@dataclass(frozen=True)
class Steady:
    """What a series says of its warm-up: `first` is the first steady iteration, 0-based; None unless steady.

    `level` is the median of the steady iterations, in the unit of the series; None unless steady.
    `segments` are the first iterations of each level, the first of them 0.
    """

    state: State
    first: int | None
    level: float | None
    segments: tuple[int, ...]


def steady(iterations: Sequence[float]) -> Steady:
    """Return from which iteration on the series is steady, if it is.

    Works on whole series and on prefixes: it looks only at what it is given. The last sixth (ten iterations
    at least) must hold no level other than the last; if it does, the answer is `never steady` for a series of
    LONG_ENOUGH iterations and `unknown (too short)` for a shorter one. Both mean: no steady level, do not
    average. Under SHORTEST iterations nothing is known. Raises ValueError for a value that is not finite
    and above zero.
    """
    if not usable(iterations):
        raise ValueError("wanted iterations that are finite and above zero, found another")
    if len(iterations) < SHORTEST:
        return Steady("unknown (too short)", None, None, ())
    logs = _without_outliers(np.log(np.asarray(iterations, dtype=np.float64)))
    starts = _segments(logs, PENALTY * _noise(logs) ** 2 * math.log(logs.size))
    first = _settled_at(logs, starts)
    if logs.size - first < max(SHORTEST, math.ceil(TAIL_SHARE * logs.size)):
        state: State = "never steady" if logs.size >= LONG_ENOUGH else "unknown (too short)"
        return Steady(state, None, None, starts)
    return Steady("steady", first, float(np.median(np.asarray(iterations)[first:])), starts)


def _settled_at(logs: Floats, starts: Sequence[int]) -> int:
    """Return where the first segment begins after which all equal the final one.

    One or two last values are no level: they go with what is before them.
    """
    inner = [start for start in starts[1:] if start <= logs.size - _SHORTEST_LEVEL]
    starts, pieces = (0, *inner), np.split(logs, inner)
    for index in range(len(pieces) - 2, -1, -1):
        if _differ(pieces[index], pieces[-1]):
            return starts[index + 1]
    return 0


def _differ(piece: Floats, final: Floats) -> bool:
    """Tell whether Welch's interval of the difference of two levels lies wholly beyond the tolerance."""
    if min(piece.size, final.size) < 2:
        return False
    a, b = piece.var(ddof=1) / piece.size, final.var(ddof=1) / final.size
    gap = abs(piece.mean() - final.mean())
    if a + b == 0:
        return bool(gap > math.log1p(TOLERANCE))
    freedom = (a + b) ** 2 / (a**2 / (piece.size - 1) + b**2 / (final.size - 1))
    return bool(gap - stdtrit(freedom, (1 + LEVEL) / 2) * math.sqrt(a + b) > math.log1p(TOLERANCE))


def _segments(values: Floats, penalty: float) -> tuple[int, ...]:
    """Return the first index of each segment, the cut that makes squared error + penalty x segments least.

    Exact: PELT (Killick, Fearnhead and Eckley, JASA 107, 2012), segments of two values or more; the candidates
    of each step are judged together.
    """
    total, squares = np.r_[0.0, np.cumsum(values)], np.r_[0.0, np.cumsum(values**2)]
    best = np.full(values.size + 1, np.inf)
    best[0] = -penalty
    previous = np.zeros(values.size + 1, dtype=np.int64)
    candidates = np.array([0])
    for end in range(2, values.size + 1):
        error = squares[end] - squares[candidates] - (total[end] - total[candidates]) ** 2 / (end - candidates)
        costs = best[candidates] + error
        winner = int(costs.argmin())
        best[end], previous[end] = costs[winner] + penalty, candidates[winner]
        candidates = np.append(candidates[costs <= best[end]], end - 1)
    starts, end = [], values.size
    while end > 0:
        end = int(previous[end])
        starts.append(end)
    return tuple(reversed(starts))


def _without_outliers(logs: Floats) -> Floats:
    """Clip each value to the running median -+ _CLIP robust standard deviations of its surroundings."""
    window = _odd(min(_WINDOW, logs.size / 6))
    centre = median_filter(logs, window, mode="mirror")
    spread = 1.4826 * median_filter(np.abs(logs - centre), _odd(min(4 * _WINDOW, logs.size)), mode="mirror")
    return np.asarray(np.clip(logs, centre - _CLIP * spread, centre + _CLIP * spread), dtype=np.float64)


def _noise(logs: Floats) -> float:
    """Return the robust standard deviation of single values around their running median, free of levels."""
    around = np.abs(logs - median_filter(logs, _odd(min(_NOISE_WINDOW, logs.size / 6)), mode="mirror"))
    return max(float(1.4826 * np.median(around)), _NO_NOISE)


def _odd(size: float) -> int:
    """Return the largest odd number up to this, three at least: a window has a middle."""
    return max(3, (math.floor(size) - 1) // 2 * 2 + 1)
