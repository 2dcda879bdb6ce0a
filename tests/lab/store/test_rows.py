"""The rows that files become in the index."""

from __future__ import annotations

from dataclasses import replace

from lab.store import rows
from lab.store.kinds import RUNS
from lab.store.raw import LineEntry, LineFile
from tests.saved_runs import comparison_of, run_of, trial_of


def test_a_trial_has_one_median_a_metric() -> None:
    """Of 1, 4 and 2 it is 2; of 0.5, 0.5 and 0.25 it is 0.5; a metric without samples has none."""
    found = rows.of_medians("a0", replace(trial_of(1), samples={**trial_of(1).samples, "none_s": ()}))

    assert [(row["metric"], row["iterations"], row["median"]) for row in found] == [
        ("encode_s", 3, 2.0),
        ("vit_s", 3, 0.5),
    ]


def test_the_index_holds_the_value_that_counts() -> None:
    """Two iterations of warm-up are left out; a trial that is invalid or never settled has no row."""
    trial = replace(trial_of(1), samples={"encode_s": (9.0, 8.0, 1.0, 4.0)}, state="steady", first_steady=2)

    assert [row["median"] for row in rows.of_medians("a0", trial)] == [2.0]
    assert rows.of_medians("a0", replace(trial, state="unsteady")) == []
    assert rows.of_medians("a0", replace(trial, valid=False)) == []


def test_a_comparison_has_one_row_a_cell() -> None:
    """A cell without a pair has no interval."""
    found = rows.of_verdicts(comparison_of(1))

    assert [
        [row[name] for name in ("cell", "verdict", "change", "low", "high", "p", "pairs")] for row in found
    ] == [
        ["a", "regressed", 1.05, 1.031, 1.07, 0.001, 8],
        ["b", "cannot tell", None, None, None, 1.0, 0],
    ]
    assert {(row["comparison"], row["baseline_run"], row["candidate_run"]) for row in found} == {
        ("018f0000-0000-7000-8000-000000000001", "a0", "a1")
    }


def test_builds_keep_the_order_of_their_line() -> None:
    """The position is that in the list, whatever the revision; one is the baseline."""
    entries = [
        LineEntry(revision=revision, id=build, model="fake", recipe="fp32", added_utc="2026-01-01T00:00:00.000Z")
        for revision, build in ((1, "b1"), (3, "b0"))
    ]
    found = rows.of_line(LineFile(line="nano", baseline="b0", builds=entries))

    assert [(row["line"], row["position"], row["revision"], row["id"], row["baseline"]) for row in found] == [
        ("nano", 1, 1, "b1", False),
        ("nano", 2, 3, "b0", True),
    ]


def test_the_document_of_a_row_is_its_file() -> None:
    """Lists read it instead of the file."""
    row = rows.of_record(RUNS, run_of("a0"))

    assert (row["id"], row["scenario"], row["status"]) == ("a0", "vit_batch", "running")
    assert RUNS.decode(str(row["document"])) == run_of("a0")
