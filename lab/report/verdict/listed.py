"""Comparisons in a list: the worst verdict of each, why it was made, and what it found. Pure: no I/O."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lab.records import CellVerdict, Comparison
from lab.report.verdict.sentence import signed

ORDER = ("regressed", "slower", "incomparable", "cannot tell", "improved", "faster", "same")
"""Verdicts, worst first."""

NONE = "no verdict"
"""Stands for the verdict of a comparison without one."""


@dataclass(frozen=True)
class Listed:
    """A comparison with its worst verdict, and what asked for it: a night, a self-check or a person."""

    comparison: Comparison
    verdict: str
    asked_by: str

    @property
    def name(self) -> str:
        """The words in which a search looks."""
        of = self.comparison
        cells = " ".join(each.cell for each in of.cells)
        return f"{of.id} {of.scenario} {of.device} {of.dimension} {of.metric} {self.verdict} {cells}".lower()


def listed(comparisons: Sequence[Comparison], checking: Collection[str]) -> list[Listed]:
    """Return comparisons as they are listed; `checking` are the ids of those that self-checks made."""
    return [
        Listed(
            each,
            str(worst.verdict) if (worst := worst_of(each)) and not unjudged(each) else NONE,
            "self-check" if each.id in checking else "night" if each.night else "person",
        )
        for each in comparisons
    ]


def unjudged(comparison: Comparison) -> bool:
    """Return whether a comparison has no verdict: its runs were not measured in turn, or it has no valid pair."""
    return not comparison.differs and (
        not comparison.looks_most or not any(each.pairs for each in comparison.cells)
    )


def worst_of(comparison: Comparison) -> CellVerdict | None:
    """Return the cell with the worst verdict, of several the one that changed most; None without any."""
    return min(comparison.cells, key=lambda each: (ORDER.index(each.verdict), -_moved(each)), default=None)


def _moved(cell: CellVerdict) -> float:
    """Return how far a cell's ratio is from 1."""
    return abs(math.log(cell.change.estimate)) if cell.change and cell.change.estimate > 0 else 0.0


def change_of(cell: CellVerdict) -> str:
    """Return the change of a cell with its interval, e.g. ``-7.5 % (-8.9 to -6.1 %)``; empty without one."""
    if cell.change is None:
        return ""
    if cell.change.low is None or cell.change.high is None:
        return f"{signed([cell.change.estimate])[0]} (no interval)"
    middle, low, high = signed([cell.change.estimate, cell.change.low, cell.change.high])
    return f"{middle} ({low.removesuffix(' %')} to {high})"
