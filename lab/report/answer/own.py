"""Which run answers a question of its own: no side of a comparison or self-check, no part of an acceptance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lab.errors import LabError, StoreError
from lab.records import ACCEPTANCE
from lab.store import Store, glance
from lab.store.kinds import RunRow

LOOKED_AT = 50
"""How many runs of a scenario, device and line are looked at for one of its own: a judgement."""


def newest_own(
    store: Store, scenario: str, device: str, line: str, lost: Callable[[str, LabError], None]
) -> RunRow | None:
    """Return the newest finished run that answers of its own; `lost` is called with each that cannot be read."""
    return next(own_runs(store, scenario, device, line, lost), None)


def own_runs(
    store: Store, scenario: str, device: str, line: str, lost: Callable[[str, LabError], None]
) -> Iterator[RunRow]:
    """Yield the finished runs that answer of their own, newest first; `lost` as in :func:`newest_own`."""
    same = {"scenario": scenario, "device": device, "build_line": line}
    for row in store.run_rows(LOOKED_AT, **same, status="finished"):
        try:
            if not side_words(store, row.id):
                yield row
        except StoreError as error:
            lost(f"run {row.id}", error)


def side_words(store: Store, run_id: str) -> str:
    """Return what a run is only a part of; empty for one of its own. Raises `StoreError` if it cannot be read."""
    part_of = glance.one(store.root, "run", run_id).part_of
    if part_of.startswith("comparison "):
        return "side of a comparison"
    return "part of an acceptance" if part_of == ACCEPTANCE else ""


def sides_among(store: Store, runs: Iterable[str]) -> dict[str, str]:
    """Return the words of those runs that are only a part of something; one that cannot be read is left out."""
    found: dict[str, str] = {}
    for run_id in runs:
        try:
            if words := side_words(store, run_id):
                found[run_id] = words
        except StoreError:
            continue
    return found
