"""How a cell of an answer fared among the others, and which published figures are about it."""

from __future__ import annotations

from typing import Literal

from lab.records import Answer, Cell, CellSummary, Published

Standing = Literal["best", "tied", "behind", "not judged"]


def standing_of(answer: Answer, summary: CellSummary) -> Standing:
    """Return how a cell fared; `not judged` has too few valid trials, and only what stands alone is `best`."""
    if summary.cell.key in answer.contenders:
        return "best" if summary.cell.key == answer.best else "tied"
    return "not judged" if summary.may_be_best or not answer.contenders else "behind"


def matches(figure: Published, cell: Cell) -> bool:
    """Return whether a published figure is about a cell: equal on every parameter that it names."""
    return all(
        name in cell.parameters and cell.parameters[name] == value for name, value in figure.parameters.items()
    )
