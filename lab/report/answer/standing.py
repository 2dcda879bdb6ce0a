"""How a cell of an answer fared among the others."""

from __future__ import annotations

from typing import Literal

from lab.records import Answer, CellSummary

Standing = Literal["best", "tied", "behind", "not judged"]


def standing_of(answer: Answer, summary: CellSummary) -> Standing:
    """Return how a cell fared; `not judged` has too few valid trials."""
    if summary.cell.key in answer.contenders:
        return "best" if len(answer.contenders) == 1 else "tied"
    return "not judged" if summary.may_be_best or not answer.contenders else "behind"
