"""How well noise, drift and steps explain a series: one likelihood for all of them.

The noise is partly an autoregression of order one, the drift a random walk, and a step a jump of its level. The
sine transform of the differences makes the walk and white noise independent at each frequency, and any stationary
noise nearly so (Whittle's likelihood), hence all grid cells cost one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.fft import dst

from lab.stats.sample import Floats

WALKS = np.array([0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100])
"""Variances of a night's drift, in that of the noise; the first is none."""

NOISES = ((0.0, 0.0), *((lag_one, share) for lag_one in np.arange(1, 10) / 10 for share in (1 / 3, 2 / 3, 1)))
"""Noises: lag-1 autocorrelation, and the share of the variance that has it; the first is independent."""

CORRELATED = 5.0
"""Cost of correlated noise in twice the log-likelihood, about BIC's for one of its two parameters. Less calls a
drift correlated noise, more calls correlated noise a drift."""

DRIFTING = 1.0
"""Least gain of a drift in twice the log-likelihood: 6 % of independent series reach it. More misses slow drifts,
which 60 nights barely show."""

ROUNDING = 1e-6
"""Independent noise that every series has besides, in squared scores: the likelihood of none has no maximum."""


class _Grid(NamedTuple):
    weights: Floats
    constants: Floats
    long_run: Floats
    rounding: Floats


@dataclass(frozen=True)
class Fit:
    """The best fit: its cost, and what it consists of.

    `cost` is twice the negative log-likelihood, and CORRELATED, of the better model: with drift or without.
    `walk` is the variance of a night's drift in that of the noise; 0 unless it gains DRIFTING. `long_run` is the
    variance of a long mean of the noise without drift, in that of independent noise.
    """

    cost: float
    walk: float
    long_run: float


class Series:
    """The scores of a series, to be fitted with more and more steps; it keeps the products already formed."""

    def __init__(self, scores: Floats) -> None:
        self._nights = scores.size
        self._parts = [dst(np.diff(scores), type=1, norm="ortho")]
        self._products = {(0, 0): self._product(0, 0)}

    def add_step(self, night: int) -> None:
        """Allow the level to jump at a night."""
        frequencies = np.arange(1, self._nights)
        self._parts.append(np.sqrt(2 / self._nights) * np.sin(np.pi * night * frequencies / self._nights))
        new = len(self._parts) - 1
        for other in range(new + 1):
            self._products[other, new] = self._product(other, new)

    def fit(self) -> Fit:
        """Return the best fit of noise, drift and the steps so far."""
        grid = _grid(self._nights)
        gain = np.zeros_like(grid.constants)
        steps = range(1, len(self._parts))
        if steps:
            matrix = np.stack([[self._products[min(a, b), max(a, b)] for a in steps] for b in steps])
            jumps = np.stack([self._products[0, a] for a in steps])
            solved = np.linalg.solve(np.moveaxis(matrix, (0, 1), (-2, -1)), np.moveaxis(jumps, 0, -1)[..., None])
            gain = (np.moveaxis(solved[..., 0], -1, 0) * jumps).sum(axis=0)
        count = self._nights - 1
        variance = np.maximum(self._products[0, 0] - gain, 0) / count + ROUNDING * grid.rounding
        costs = count * np.log(variance) + grid.constants + CORRELATED * (np.arange(len(NOISES)) > 0)
        still = int(costs[0].argmin())
        walk, noise = np.unravel_index(int(costs[1:].argmin()), costs[1:].shape)
        moving = float(costs[1 + walk, noise])
        found = float(WALKS[1 + walk]) if moving + DRIFTING < costs[0, still] else 0.0
        return Fit(min(moving, float(costs[0, still])), found, float(grid.long_run[still]))

    def _product(self, one: int, other: int) -> Floats:
        return np.asarray(_grid(self._nights).weights @ (self._parts[one] * self._parts[other]), dtype=np.float64)


@lru_cache(maxsize=64)
def _grid(nights: int) -> _Grid:
    """Return for each walk and noise the weight of each frequency, and the constant of its likelihood."""
    frequencies = np.pi * np.arange(1, nights) / nights
    lag_one, share = (column[:, None] for column in np.array(NOISES).T)
    correlated = (1 - lag_one**2) / (1 + lag_one**2 - 2 * lag_one * np.cos(frequencies))
    white = 2 - 2 * np.cos(frequencies)
    variances = WALKS[:, None, None] + white * (1 - share + share * correlated)
    long_run = 1 - share + share * (1 + lag_one) / (1 - lag_one)
    return _Grid(1 / variances, np.log(variances).sum(axis=2), long_run[:, 0], (white / variances).mean(axis=2))
