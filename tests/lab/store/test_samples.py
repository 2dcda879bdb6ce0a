"""Samples in bulk: one row for each measured iteration and metric."""

from __future__ import annotations

import io

import pyarrow.parquet as pq

from lab.store.samples import to_parquet
from tests.saved_runs import trial_of


def test_each_iteration_of_each_metric_is_a_row() -> None:
    """Iterations count from 0; samples of an invalid trial are there and marked."""
    table = pq.read_table(io.BytesIO(to_parquet("a0", [trial_of(1), trial_of(2, valid=False)])))
    found = [tuple(row.values()) for row in table.to_pylist()]

    assert table.column_names == ["run", "trial", "block", "cell", "metric", "iteration", "value", "valid"]
    assert found[:4] == [
        ("a0", 1, 0, "a", "encode_s", 0, 1.0, True),
        ("a0", 1, 0, "a", "encode_s", 1, 4.0, True),
        ("a0", 1, 0, "a", "encode_s", 2, 2.0, True),
        ("a0", 1, 0, "a", "vit_s", 0, 0.5, True),
    ]
    assert found[6:8] == [
        ("a0", 2, 0, "a", "encode_s", 0, 1.0, False),
        ("a0", 2, 0, "a", "encode_s", 1, 4.0, False),
    ]
    assert len(found) == 12


def test_no_trial_gives_a_file_with_the_same_columns() -> None:
    """So that readers need no special case."""
    empty, full = (pq.read_table(io.BytesIO(to_parquet("a0", trials))) for trials in ([], [trial_of(1)]))

    assert empty.num_rows == 0
    assert empty.schema == full.schema
