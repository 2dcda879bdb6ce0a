"""Steps and drifts in a series of nightly values.

A step is a lasting change of the level between two nights; a drift is a level that wanders. Two detectors must
agree on a step: a rank test between its neighbours (`split`), and the likelihood of the whole series, in which
correlated noise and drift compete with it (`drift`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

from lab.stats.drift import Fit, Series
from lab.stats.sample import Floats, logs_of, trial_median
from lab.stats.split import SHORTEST, split
from lab.stats.tonight import Unusual, tonight

__all__ = ["Step", "Trend", "Unusual", "find_steps", "find_trend", "tonight"]

FEWEST = 2 * SHORTEST + 1
"""Fewest nights for any answer."""

MOST_STEPS = 8
"""Most steps of one series (a judgement)."""

STEP_COST = 2.5
"""Least gain of a step in twice the log-likelihood, beside log nights and LONG_RUN: 7 for 90 independent nights,
where BIC would ask 2 log nights, 9. Chosen on the development series: less calls more drifts steps."""

LONG_RUN = 3.0
"""The same for correlated noise: this times the log of its long-run variance (chosen as STEP_COST was)."""

FURTHER_STEP = 10.0
"""Gain asked of every step beyond the first besides: several steps imitate any drift (chosen as STEP_COST was)."""

CLEAR = 2.0
"""Standard errors of its levels that a step must exceed, where they are known (a judgement)."""

WEEK = 7
"""Nights on each side of a step whose medians give its height, to take it out of a trend."""

BESIDE = 3
"""Nights beside an edge among which its jump is placed for the likelihood."""

DECIMALS = 9
"""Decimals of the logs that count, so that a unit's rounding decides nothing."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Step:
    """A lasting change: the first night on the new level (the oldest night is 0), and the median levels around it.

    The levels are those of the stretches up to the neighbouring steps, in the unit of the values.
    """

    index: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """Return the level after over the level before."""
        return self.after / self.before


@dataclass(frozen=True)
class Trend:
    """A slow drift: the fitted level of the last night over that of the first one, without the steps."""

    ratio: float


@dataclass(frozen=True)
class _Found:
    """The logs of the nights that have a value, where those nights lie, the edges in the logs, and the fit."""

    logs: Floats
    nights: Indices
    edges: list[int]
    fit: Fit | None


def find_steps(values: Sequence[float], *, errors: Sequence[float] | None = None) -> list[Step]:
    """Return the steps in the values of successive nights, oldest first; NaN is a night without a value.

    `errors` are the relative standard errors of the values, if known: a step within CLEAR errors of its two levels
    is dropped. A series whose change is a drift has no steps. Raises ValueError for a value that is not above zero
    or infinite, and for errors that do not match the values.
    """
    if errors is not None and len(errors) != len(values):
        raise ValueError(f"wanted one error for each of {len(values)} values, found {len(errors)}")
    found, given = _analyse(values), np.asarray(values, dtype=np.float64)
    steps = []
    for before, edge, after in zip([0, *found.edges], found.edges, [*found.edges[1:], None], strict=False):
        old, new = found.nights[before:edge], found.nights[edge:after]
        step = Step(int(new[0]), trial_median(given[old].tolist()), trial_median(given[new].tolist()))
        if errors is None or _clear(step, errors, old, new):
            steps.append(step)
    return steps


def find_trend(values: Sequence[float]) -> Trend | None:
    """Return the slow drift of the values of successive nights, if there is one beside their steps.

    The level follows the nights as closely as the fitted random walk asks. Raises ValueError as find_steps does.
    """
    found = _analyse(values)
    if found.fit is None or found.fit.walk == 0:
        return None
    logs = found.logs.copy()
    for edge in found.edges:
        logs[edge:] -= np.median(logs[edge : edge + WEEK]) - np.median(logs[max(0, edge - WEEK) : edge])
    walk = found.fit.walk
    kept = 1 - (math.sqrt(walk * walk + 4 * walk) - walk) / 2
    return Trend(math.exp(_level(logs, kept) - _level(logs[::-1], kept)))


def _analyse(values: Sequence[float]) -> _Found:
    """Return the steps on which both detectors agree, and the fit with them; no fit if all values are equal."""
    given = np.asarray(values, dtype=np.float64)
    nights = np.flatnonzero(~np.isnan(given))
    logs = logs_of(given[nights])
    if logs.size:
        logs = np.round(logs - np.median(logs), DECIMALS)
    if logs.size < FEWEST or not logs.any():
        return _Found(logs, nights, [], None)
    scores = ndtri(rankdata(logs) / (logs.size + 1))
    edges, fit = _explain(scores, _candidates(scores))
    kept = _confirmed(scores, edges, fit)
    if len(kept) < len(edges):
        fit = _fitted(scores, kept)
    return _Found(logs, nights, kept, fit)


def _candidates(scores: Floats) -> list[int]:
    """Return the nights where independent noise would hardly split, the clearest first: binary segmentation."""
    edges, stretches = [], [(0, scores.size)]
    while stretches:
        first, last = stretches.pop()
        found = split(scores[first:last])
        if found and found.statistic > found.limit:
            edges.append(first + found.night)
            stretches += [(first, first + found.night), (first + found.night, last)]
    placed = _placed(scores, sorted(edges))
    return [edge for edge, _ in sorted(placed, key=lambda pair: -pair[1])][:MOST_STEPS]


def _placed(scores: Floats, edges: list[int]) -> list[tuple[int, float]]:
    """Place each edge again between its neighbours; return it with its statistic in units of the limit."""
    placed: list[tuple[int, float]] = []
    for after in [*edges[1:], scores.size][: len(edges)]:
        before = placed[-1][0] if placed else 0
        found = split(scores[before:after])
        if found:
            placed.append((before + found.night, found.statistic / found.limit))
    return placed


def _explain(scores: Floats, candidates: list[int]) -> tuple[list[int], Fit]:
    """Return the first candidates that explain the series best, and its fit with them."""
    series = Series(scores)
    fit = series.fit()
    best: tuple[list[int], Fit] = ([], fit)
    least = fit.cost
    chosen: dict[int, int] = {}
    for edge in candidates:
        night = _sharpest(scores, edge, candidates)
        if night in chosen:  # two candidates beside one large step
            continue
        chosen[night] = edge
        series.add_step(night)
        fit = series.fit()
        price = STEP_COST + math.log(scores.size) + LONG_RUN * math.log(fit.long_run)
        cost = fit.cost + len(chosen) * price + (len(chosen) - 1) * FURTHER_STEP
        if cost < least:
            best, least = (sorted(chosen.values()), fit), cost
    return best


def _confirmed(scores: Floats, edges: list[int], fit: Fit) -> list[int]:
    """Drop the least clear edge until all splits between neighbours exceed their limit in correlated noise."""
    while edges:
        placed = _placed(scores, edges)
        least = min(placed, key=lambda pair: pair[1], default=(0, 0.0))
        if len(placed) == len(edges) and least[1] > fit.long_run:
            break
        edges = [edge for edge, ratio in placed if ratio > least[1] or len(placed) < len(edges)]
    return edges


def _fitted(scores: Floats, edges: list[int]) -> Fit:
    series = Series(scores)
    for night in {_sharpest(scores, edge, edges) for edge in edges}:
        series.add_step(night)
    return series.fit()


def _sharpest(scores: Floats, edge: int, edges: Sequence[int]) -> int:
    """Return the night near an edge where the means of the stretches around it differ most.

    One night beside a large step would cost its likelihood more than the step gains.
    """
    first = max((other for other in edges if other < edge), default=0)
    last = min((other for other in edges if other > edge), default=scores.size)
    stretch = scores[first:last]
    before = np.arange(1, stretch.size)
    contrast = np.cumsum(stretch - stretch.mean())[:-1] ** 2 / (before * (stretch.size - before))
    start = max(1, edge - first - BESIDE)
    return first + start + int(contrast[start - 1 : edge - first + BESIDE].argmax())


def _clear(step: Step, errors: Sequence[float], before: Indices, after: Indices) -> bool:
    """Return whether a step is larger than CLEAR standard errors of its levels (medians) allow."""
    squares = np.asarray(errors, dtype=np.float64) ** 2
    variance = sum(float(np.nanmean(squares[side])) / len(side) for side in (before, after))
    return abs(math.log(step.ratio)) > CLEAR * math.sqrt(math.pi / 2 * variance)


def _level(logs: Floats, kept: float) -> float:
    """Return the level of the last night: the weighted median, each older night weighing `kept` of the next."""
    order = np.argsort(logs, kind="stable")
    weights = np.cumsum((kept ** np.arange(logs.size)[::-1])[order])
    return float(logs[order][np.searchsorted(weights, weights[-1] / 2)])
