"""How a cell of an answer fared among the others."""

from __future__ import annotations

from typing import Literal

from lab.records import Answer, CellSummary

Standing = Literal["best", "tied", "behind", "not judged"]


def standing_of(answer: Answer, summary: CellSummary) -> Standing:
    """Return how a cell fared; `not judged` has too few valid trials, and only what stands alone is `best`."""
    if summary.cell.key in answer.contenders:
        return "best" if summary.cell.key == answer.best else "tied"
    return "not judged" if summary.may_be_best or not answer.contenders else "behind"
