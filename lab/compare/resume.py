"""A comparison to be resumed: found, and its sides put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.compare.comparison import Side, next_run, reopen, runs_of
from lab.compare.newest import comparison_to_go_on_with
from lab.compare.sides import reopened
from lab.errors import RunError
from lab.identifiers import now_utc
from lab.records import Comparison
from lab.run.turn import Terms
from lab.store import Store


def resumed(
    store: Store, named: str | None, folders: Sequence[str], terms: Terms
) -> tuple[Comparison, tuple[Side, Side] | None]:
    """Return a comparison and its sides on the devices it was begun on, or no sides when it is finished.

    `named` is the start of its id; None means the newest that can be resumed. `folders` hold the builds that lie
    outside the store. Raises `RunError` when nothing can be resumed or something has changed, and `StoreError`.
    """
    comparison = comparison_to_go_on_with(store, named)
    if comparison.status == "finished":
        if not comparison.baseline_run:
            raise RunError(f"comparison {comparison.id} was incomparable and measured nothing: start a new one")
        return comparison, None
    keep = next_run(store, comparison, now_utc())
    runs = runs_of(store, comparison)
    sides = reopened(store, (runs["baseline"], runs["candidate"]), folders, replace(terms, keep=keep))
    reopen(comparison, *sides)
    return comparison, sides
