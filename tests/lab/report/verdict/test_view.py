"""A comparison in words and numbers: its gate, its pairs, and the facts of both contexts."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from lab.records import CellVerdict, Comparison, Context, Interval, Lost, Missing
from lab.report.table import Row
from lab.report.verdict.tables import contexts_table, pairs_table
from lab.report.verdict.view import View, view
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

    assert [row.texts for row in pairs_table(found.cells[0], found).rows] == [
        ("1", "400 ms", "440 ms", "1.1"),
        ("2", "500 ms", "600 ms", "1.2"),
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


def told(found: CellVerdict) -> str:
    """Return the sentence about one cell."""
    comparison = replace(compared().comparison, dimension="build", cells=(found,))
    return view(comparison, (run_of(CELLS, line="old"), []), (run_of(CELLS, line="new"), [])).cells[0].sentence


CHANGE = Interval(1.004, 0.97, 1.03, 0.95, 9)


def test_trials_missing_on_one_side_are_the_first_thing_said() -> None:
    """The counts and the reason stand before what the trials that count show; throttling is the finding."""
    missing = Missing(Lost(26, {"throttled": 4}), Lost(50, {"throttled": 38, "agent_died": 3}), 3e-8)
    found = CellVerdict(
        CELLS[0].key, "cannot tell", CHANGE, 0.045, 1.0, 9, "of the trials that count: same", missing
    )

    assert told(found).startswith(
        "Cannot tell: 41 of 50 trials of new do not count, and 4 of 26 of old: more than chance explains "
        "(Fisher's exact test, p < .001); new throttles or times out more often than old (38 throttled, 3 "
        "agent_died). Of the trials that count: in 9 pairs new needed 0.4 % more time for image encoding than old "
        "(3.0 % less to 3.0 % more). "
    )
    assert told(found).endswith("Of the trials that count: same.")


def test_a_regression_stands_and_its_missing_trials_follow() -> None:
    """The side that lost more is slower all the same; lost to something else than heat, that is no finding."""
    missing = Missing(Lost(20, {}), Lost(20, {"agent_died": 8}), 0.0033)
    found = CellVerdict(
        CELLS[0].key, "regressed", Interval(1.1, 1.05, 1.15, 0.95, 9), 0.045, 0.001, 9, "regressed", missing
    )

    assert told(found).startswith(
        "Regressed: new needs 10 % more time for image encoding than old (5 to 15 % more). 8 of 20 trials of new "
        "do not count, and 0 of 20 of old: more than chance explains (Fisher's exact test, p = .003) (8 agent_died"
    )


def test_the_smallest_change_is_the_one_found_in_nine_of_ten() -> None:
    """In the direction of the estimate: 4.5 % more is 4.3 % less; without a look nothing is said."""
    same = CellVerdict(CELLS[0].key, "same", CHANGE, 0.045, 1.0, 9, "same after 9 pairs")
    less = replace(same, change=Interval(0.99, 0.97, 1.01, 0.95, 9))
    early = replace(same, change=Interval(1.004, None, None, 0.95, 3), smallest_found=None)

    assert "At this spread 4.5 % more is found in 9 of 10 comparisons" in told(same)
    assert "At this spread 4.3 % less is found in 9 of 10 comparisons" in told(less)
    assert "9 of 10" not in told(early)
    assert all("chance that a new trial" not in told(each) for each in (same, less, early))


def test_a_change_that_ended_a_comparison_early_is_not_for_quoting() -> None:
    """With all pairs there was no early stop, and `same` has no size."""
    found = CellVerdict(CELLS[0].key, "regressed", Interval(1.1, 1.05, 1.15, 0.95, 7), 0.05, 0.001, 7, "regressed")

    def facts(cell: CellVerdict, looks_first: int = 6) -> str:
        comparison = replace(compared().comparison, cells=(cell,), looks_first=looks_first)
        return " ".join(view(comparison, (run_of(CELLS), []), (run_of(CELLS), [])).facts)

    assert "--all-pairs`" in facts(found)
    assert "--all-pairs" not in facts(replace(found, pairs=24))
    assert "--all-pairs" not in facts(CellVerdict(CELLS[0].key, "same", CHANGE, 0.045, 1.0, 9, "same"))
    assert "judged once, after 24 pairs" in facts(found, looks_first=24)


def test_pairs_that_lean_on_each_other_are_said_beside_the_verdict() -> None:
    """At .05 for one cell; among ten cells by Holm."""
    found = CellVerdict(CELLS[0].key, "same", CHANGE, 0.045, 1.0, 9, "same after 9 pairs", serial_p=0.02)
    cells = batches(4, *range(11, 20))
    others = [CellVerdict(cell.key, "same", None, None, 1.0, 0, "") for cell in cells[1:]]
    among = view(
        replace(compared().comparison, cells=(found, *others)), (run_of(cells), []), (run_of(cells), [])
    ).cells[0]

    assert "Neighbouring pairs are more alike than chance explains (p = .020)" in told(found)
    assert "more alike" not in told(replace(found, serial_p=0.06))
    assert "more alike" not in among.sentence


def test_a_comparison_that_ended_early_says_why_before_anything_else_it_lacks() -> None:
    """The text is an error's, with what a device sent in it: codes do not reach the reader."""
    before = compared()
    failure = "fake may not judge builds: found 2 of 8\x1b[31m"

    def warned(failure: str) -> tuple[str, ...]:
        record = replace(before.comparison, status="failed", failure=failure)
        return view(record, (before.baseline, []), (before.candidate, [])).invalid

    assert warned(failure)[0] == "It ended early: fake may not judge builds: found 2 of 8\ufffd[31m"
    assert warned("") == ()


def test_without_a_pair_each_sentence_names_its_cell_and_a_cut_is_said_once() -> None:
    """Given up, each cell has its own reason; interrupted before the first trial, all of them have one."""
    cells = batches(4, 8)
    verdicts = tuple(CellVerdict(cell.key, "cannot tell", None, None, 1.0, 0, "given up") for cell in cells)
    record = replace(compared().comparison, cells=verdicts)
    run = run_of(cells)

    given_up = view(record, (run, []), (run, []))
    cut = view(replace(record, status="interrupted"), (run, []), (run, []))

    assert [each.sentence for each in given_up.cells] == [
        "Cannot tell at 4 patches per batch. Given up.",
        "Cannot tell at 8 patches per batch. Given up.",
    ]
    assert given_up.stopped == ""
    assert cut.stopped == "No verdict: the comparison was interrupted before its first pair."
    assert cut.headline == "no verdict"


def test_a_budget_that_ended_too_early_names_the_one_that_all_pairs_take() -> None:
    """Two pairs of 4 s, one trial of which waited 42 s: that wait passes, and is not what 24 pairs cost."""
    before = compared()
    first, second = (trials_of(CELLS, {"encode_s": [times]}) for times in ([0.4, 0.5], [0.44, 0.6]))
    first[0] = replace(first[0], notes={"gate_waited_s": 42.0})
    comparison = replace(before.comparison, dimension="build", budget_s=50.0)

    def facts(status: Literal["finished", "interrupted"]) -> str:
        sides = (before.baseline, first), (before.candidate, second)
        return "\n".join(view(replace(comparison, status=status), *sides).facts)

    assert (
        "The budget ended before 1 verdict. A pair takes 4 s with the usual wait (the median), so all 24 pairs of "
        "1 cell take about 100 s: `lab compare a3a3a3a3a3a3 a3a3a3a3a3a3 --scenario vit_batch --device host "
        "--budget 100`"
    ) in facts("finished")
    assert "The comparison was interrupted; to measure what is missing: `lab compare --resume 01a2078b-6652`" in (
        facts("interrupted")
    )
