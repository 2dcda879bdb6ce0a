"""Where the time of a run's cells goes, by the runtime's own profiler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PRODUCTS, ATTENTION, UNPACKING, REST = "products", "attention", "unpacking", "rest"
"""The groups of operators; `rest` is also what no operator took."""


@dataclass(frozen=True)
class CellBreakdown:
    """One profiled process of a cell: the seconds of its stages by group of operators, and their sum.

    `items` counts the patches or tokens that these seconds were spent on; 0 where a cell works on both. `unseen`
    launches were not recorded, and are in none of the figures.
    """

    cell: str
    seconds: Mapping[str, float]
    items: int
    unseen: int

    @property
    def total_s(self) -> float:
        """The seconds of all stages; stages that overlap count each."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class Breakdown:
    """The breakdown of every cell of a run. `item` is what a cell's items are: patch, token, or nothing."""

    run: str
    runtime: str
    item: str
    cells: tuple[CellBreakdown, ...]
