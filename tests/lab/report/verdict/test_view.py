"""The tables of a comparison: its pairs, and the facts of both contexts."""

from __future__ import annotations

from dataclasses import replace

from lab.records import CellVerdict, Comparison, Context, Interval
from lab.report.table import Row
from lab.report.verdict.view import View, contexts_table, pairs_table, view
from tests.lab.report.report_runs import batches, run_of, trials_of

CELLS = batches(4)


def compared() -> View:
    """Compare two runs of two blocks whose contexts differ in one fact, and in one that only B has."""
    ours = replace(run_of(CELLS), context=Context({"device_kind": "host", "build": "b0"}))
    theirs = replace(run_of(CELLS), context=Context({"device_kind": "host", "build": "b1", "source": "parsed"}))
    comparison = Comparison(
        id="01a2078b-6652-7000",
        dimension="runtime",
        scenario="vit_batch",
        metric="encode_s",
        device="host",
        baseline_run=ours.id,
        candidate_run=theirs.id,
        started_utc="2026-11-23T01:20:00Z",
        ended_utc=None,
        status="finished",
        seed=1,
        looks_most=24,
        looks_first=6,
        budget_s=1800.0,
        differs={},
        cells=(CellVerdict(CELLS[0].key, "cannot tell", Interval(1.1, None, None, 0.95, 2), None, 1.0, 2, ""),),
    )
    first, second = (trials_of(CELLS, {"encode_s": [times]}) for times in ([0.4, 0.5], [0.44, 0.6]))
    return view(comparison, (ours, first), (theirs, second))


def test_each_valid_pair_is_a_row_with_its_ratio() -> None:
    """440 ms over 400 ms, and 600 ms over 500 ms."""
    found = compared()

    assert [row.texts for row in pairs_table(found.cells[0], found.metric).rows] == [
        ("1", "400 ms", "440 ms", "1.1000"),
        ("2", "500 ms", "600 ms", "1.2000"),
    ]


def test_facts_that_differ_stand_out_also_where_only_one_side_has_them() -> None:
    """A fact that both share is not repeated."""
    assert contexts_table(compared()).rows == (
        Row(("build", "b0", "b1"), "differs"),
        Row(("device_kind", "host", "the same")),
        Row(("source", "(none)", "parsed"), "differs"),
    )
