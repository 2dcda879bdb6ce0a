"""Counts over many trials: why they do not count, and their spread."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """How many trials of a scenario on a device counted, or did not for one reason; no reason: they counted."""

    device: str
    scenario: str
    reason: str
    trials: int


@dataclass(frozen=True)
class Spread:
    """The spread between trials of one cell, a metric of it: pooled over `runs`, each about its own mean.

    `freedom` is the number of its degrees of freedom: trials less runs.
    """

    device: str
    scenario: str
    cell: str
    metric: str
    runs: int
    freedom: int
    squares: float

    @property
    def cv(self) -> float:
        """The coefficient of variation between trials of a run: 0.01 is 1 %."""
        return math.sqrt(max(0.0, self.squares) / self.freedom)
