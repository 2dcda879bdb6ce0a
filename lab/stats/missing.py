"""Trials that do not count, as evidence: whether one side lost more of them than chance explains.

A trial that was thrown out is not missing at random: a heat gate throws out the slow ones. If the shares that
count differ between sides, what is left of the side that lost more may look faster than it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lab.records import WORSE, Verdict
from lab.stats.families import FAMILY_LEVEL, failing

Counts = tuple[int, int]
"""Of one side: the trials that count, and those that do not."""


def p_missing(ours: Counts, theirs: Counts) -> float:
    """Return the two-sided p of "both sides lose the same share of trials", by Fisher's exact test.

    1 where a side has no trial or none is lost. Raises ValueError for a count below zero.
    """
    if not (sum(ours) and sum(theirs)) or ours[1] == theirs[1] == 0:
        return 1.0
    from scipy.stats import fisher_exact  # noqa: PLC0415 - half a second, and most runs lose no trial

    return float(fisher_exact(np.array([ours, theirs])).pvalue)


def lopsided(cells: Mapping[str, tuple[Counts, Counts]]) -> dict[str, float]:
    """Return cell -> p where a comparison's sides, (baseline, candidate), lost different shares of their trials.

    One family, by Holm: the chance that any of them is false is FAMILY_LEVEL at most.
    """
    p_values = {name: p_missing(*counts) for name, counts in cells.items()}
    return {name: p_values[name] for name in failing(p_values, FAMILY_LEVEL)}


def believed(verdict: Verdict, ours: Counts, theirs: Counts) -> Verdict:
    """Return the verdict of a comparison whose sides lost different shares: mostly `cannot tell`.

    A change for the worse stands where the candidate lost more: slow trials are missing, and it is still slower.
    """
    lost_more = theirs[1] * sum(ours) > ours[1] * sum(theirs)
    return verdict if verdict == "incomparable" or (verdict in WORSE and lost_more) else "cannot tell"


def loses_more(cell: Counts, others: Counts) -> float:
    """Return the one-sided p of "this cell of a sweep loses no larger share of its trials than the others"."""
    if not (sum(cell) and sum(others)) or cell[1] == 0:
        return 1.0
    from scipy.stats import fisher_exact  # noqa: PLC0415 - as above

    return float(fisher_exact(np.array([cell, others]), alternative="less").pvalue)
