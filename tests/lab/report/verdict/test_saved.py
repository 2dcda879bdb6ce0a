"""From a saved comparison and its runs to what is printed of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import StoreError
from lab.records import Cell
from lab.report.verdict.saved import verdict_of
from lab.store import Store
from tests.saved_runs import comparison_of, run_of


@pytest.mark.parametrize(
    ("comparison", "cells", "words"),
    [
        ({"metric": "x_s"}, "ab", "no such metric: 'x_s'"),
        ({}, "a", "its run a0 has no cell 'b'"),
    ],
)
def test_a_comparison_that_does_not_belong_to_its_runs_is_refused(
    tmp_path: Path, comparison: dict[str, Any], cells: str, words: str
) -> None:
    """One of their files was edited, or restored from elsewhere: no bug of the lab."""
    with closing(Store(tmp_path)) as store:
        for run_id in ("a0", "a1"):
            store.create_run(replace(run_of(run_id), cells=tuple(Cell(key, {}) for key in cells)))

        with pytest.raises(StoreError, match=rf"^comparison 018f\S+: {words}; restore the comparison or the run"):
            verdict_of(store, replace(comparison_of(1), **comparison))


def test_a_candidate_with_fewer_cells_has_none_to_compare_with(tmp_path: Path) -> None:
    """Cells are paired by name, else by place."""
    with closing(Store(tmp_path)) as store:
        store.create_run(replace(run_of("a0"), cells=(Cell("a", {}), Cell("b", {}))))
        store.create_run(replace(run_of("a1"), cells=(Cell("a", {}),)))

        with pytest.raises(StoreError, match=r"its run a1 has no cell in the place of 'b'"):
            verdict_of(store, comparison_of(1))
