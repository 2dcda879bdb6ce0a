"""The nights before: the figures of every series, oldest night first."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from lab.errors import StoreError
from lab.records import BuildAt, Night, Series
from lab.stats.sample import Floats
from lab.store import values
from lab.store.store import Store

log = logging.getLogger(__name__)

RECENT = 14
"""Nights that are kept whole, and for which a step counts as new. A judgement: by then it is an incident."""

KEPT = 365
"""Nights that are looked at, at most; a judgement: a year."""

_KEY = ("scenario", "cell", "line", "metric", "device")
_COLUMNS = (*_KEY, "value", "error", "build", "build_line", "revision", "context")


@dataclass(frozen=True)
class History:
    """One series over the nights of its past. Every field has an entry a night, oldest first.

    `values` is NaN for a night without a figure, and `builds` and `contexts` are -1; else these are indexes into
    the tables of :class:`Past`.
    """

    values: Floats
    errors: Floats
    builds: np.typing.NDArray[np.int32]
    contexts: np.typing.NDArray[np.int32]


@dataclass(frozen=True)
class Past:
    """The nights before one, oldest first: their `dates`, and the history of each series.

    `recent` holds the last of these nights whole, with their findings.
    """

    dates: tuple[str, ...]
    series: Mapping[Series, History]
    builds: tuple[BuildAt, ...]
    contexts: tuple[Mapping[str, str], ...]
    recent: tuple[Night, ...] = ()

    @cached_property
    def context_codes(self) -> Mapping[frozenset[tuple[str, str]], int]:
        """The index of each context in `contexts`, by its facts."""
        return {frozenset(each.items()): i for i, each in enumerate(self.contexts)}


def past_of(store: Store, night: Night) -> Past:
    """Return the finished nights of the same suite before a night, the last of them whole too."""
    found, ids = _read(store, night.suite, before=night.date)
    return replace(found, recent=tuple(store.night(each) for each in ids[-RECENT:]))


def past_of_suite(store: Store, suite: str) -> Past:
    """Return the finished nights of a suite, the newest included; none of them whole."""
    return _read(store, suite, before=None)[0]


def _read(store: Store, suite: str, before: str | None) -> tuple[Past, list[str]]:
    """Return the nights before a date, or all, and their ids; the newest of each date counts.

    A night whose figures cannot be read is left out with a warning.
    """
    newest: dict[str, str] = {}
    for each in store.nights(suite, "finished"):  # newest first
        if before is None or each.date < before:
            newest.setdefault(each.date, each.id)
    kept, tables = [], []
    for date in sorted(newest)[-KEPT:]:
        try:
            tables.append(values.table_of(store.root, newest[date], _COLUMNS))
            kept.append(date)
        except StoreError as error:
            log.warning("left out: the night of %s: %s", date, error)
    return _past(kept, tables), [newest[date] for date in kept]


def _past(dates: Sequence[str], tables: Sequence[pa.Table]) -> Past:
    if not dates:
        return Past((), {}, (), ())
    at = np.repeat(np.arange(len(tables), dtype=np.int32), [len(each) for each in tables])
    whole = pa.concat_tables(tables).unify_dictionaries()
    codes, words = zip(*(_coded(whole, name) for name in _KEY), strict=True)
    shape = [max(1, len(each)) for each in words]
    keys, series_at = np.unique(np.ravel_multi_index(codes, shape), return_inverse=True)
    builds_at, builds = _builds(whole)
    contexts_at, contexts = _coded(whole, "context")
    rows = {
        "values": (np.nan, np.float64, whole["value"].to_numpy()),
        "errors": (np.nan, np.float64, whole["error"].to_numpy(zero_copy_only=False)),
        "builds": (-1, np.int32, builds_at),
        "contexts": (-1, np.int32, contexts_at),
    }
    filled = {}
    for name, (empty, kind, found) in rows.items():
        filled[name] = np.full((len(keys), len(dates)), empty, dtype=kind)
        filled[name][series_at, at] = found
    named = [
        Series(*(words[part][index] for part, index in enumerate(each)))
        for each in zip(*np.unravel_index(keys, shape), strict=True)
    ]
    histories = {each: History(**{name: grid[i] for name, grid in filled.items()}) for i, each in enumerate(named)}
    return Past(tuple(dates), histories, builds, tuple(json.loads(each) for each in contexts))


def _coded(whole: pa.Table, name: str) -> tuple[np.typing.NDArray[np.int32], list[str]]:
    """Return the codes of a dictionary column, and what they stand for."""
    column = whole[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    return column.indices.to_numpy(), column.dictionary.to_pylist()


def _builds(whole: pa.Table) -> tuple[np.typing.NDArray[np.int32], tuple[BuildAt, ...]]:
    ids_at, ids = _coded(whole, "build")
    lines_at, lines = _coded(whole, "build_line")
    revisions = whole["revision"].to_numpy()
    found, at = np.unique(np.stack([ids_at, lines_at, revisions]), axis=1, return_inverse=True)
    builds = tuple(BuildAt(ids[i], lines[j], int(revision)) for i, j, revision in found.T)
    return at.reshape(-1).astype(np.int32), builds
