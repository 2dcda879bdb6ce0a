"""Comparisons with their verdicts, and runs that were measured apart."""

from __future__ import annotations

from dashboards.data.source import kept
from lab.records import (
    Comparison,
    Trial,
)
from lab.report.verdict.saved import beside_of, verdict_of
from lab.report.verdict.view import View as Judged
from lab.store import Store

MOST_LISTED = 1000
"""The most comparisons that are listed. A judgement: weeks of nights."""


@kept(1)
def comparisons(store: Store) -> list[Comparison]:
    """Return the comparisons, newest first, `MOST_LISTED` at most."""
    return store.comparisons(MOST_LISTED)


@kept(1)
def checking(store: Store) -> set[str]:
    """Return the ids of the comparisons that self-checks made of a build with itself."""
    return {live.comparison for check in store.selfchecks() for live in check.live}


@kept(8)
def verdict(store: Store, text: str) -> tuple[Judged, tuple[list[Trial], list[Trial]]]:
    """Return everything to print of a comparison, and the trials of its baseline and of its candidate."""
    return verdict_of(store, store.comparison(text))


@kept(8)
def beside(store: Store, base: str, new: str) -> tuple[Judged, tuple[list[Trial], list[Trial]]]:
    """Return two runs that were measured apart, beside each other and without a verdict.

    Raises `RunError` when they measured nothing in common, or one is not finished.
    """
    return beside_of(store, store.run(base), store.run(new))
