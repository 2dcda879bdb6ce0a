"""A self-check for programs: its record and sentences as a document, its live comparisons as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.compare.tally import cut_short
from lab.records import SelfCheck
from lab.report.document import Row
from lab.report.selfcheck import notes, sentences


@dataclass(frozen=True)
class SelfCheckDocument:
    """A self-check, what it says in words, and how to read that."""

    result: Literal["selfcheck"]
    selfcheck: SelfCheck
    sentences: tuple[str, ...]
    notes: tuple[str, ...]


def selfcheck_document(record: SelfCheck) -> SelfCheckDocument:
    """Return a self-check for programs."""
    return SelfCheckDocument("selfcheck", record, tuple(sentences(record)), tuple(notes(record)))


SELFCHECK_COLUMNS = (
    *("selfcheck", "device", "comparison", "slow_down", "cut_short", "verdict", "change", "low", "high", "level"),
    *("pairs", "trials", "spent_s"),
)
"""The columns of :func:`selfcheck_rows`, for a self-check without a comparison."""


def selfcheck_rows(record: SelfCheck) -> list[Row]:
    """Return a row for each live comparison; `slow_down` is the factor injected into the candidate."""
    return [
        {
            "selfcheck": record.id,
            "device": record.device,
            "comparison": live.comparison,
            "slow_down": live.slow_down,
            "cut_short": cut_short(record, live),
            "verdict": live.found.verdict,
            "change": change.estimate if (change := live.found.change) else None,
            "low": change.low if change else None,
            "high": change.high if change else None,
            "level": change.level if change else None,
            "pairs": live.found.pairs,
            "trials": live.trials,
            "spent_s": live.spent_s,
        }
        for live in record.live
    ]
