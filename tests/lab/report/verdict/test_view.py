"""A comparison in words and numbers: its gate, its pairs, and the facts of both contexts."""

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


def test_of_many_cells_one_that_barely_changed_fails_no_gate() -> None:
    """Holm: .016 is enough for one cell, not for one of ten; Benjamini and Hochberg do not list it."""
    weak = CellVerdict(CELLS[0].key, "regressed", Interval(1.05, 1.04, 1.06, 0.95, 6), None, 0.016, 6, "")
    cells = batches(4, *range(11, 20))
    others = [CellVerdict(cell.key, "same", None, None, 1.0, 0, "") for cell in cells[1:]]
    found = replace(compared().comparison, dimension="build", cells=(weak,))

    alone = view(found, (run_of(CELLS), []), (run_of(CELLS), []))
    among = view(replace(found, cells=(weak, *others)), (run_of(cells), []), (run_of(cells), []))

    assert alone.fails == (weak.cell,)
    assert not alone.cells[0].doubtful
    assert among.fails == ()
    assert among.cells[0].doubtful
