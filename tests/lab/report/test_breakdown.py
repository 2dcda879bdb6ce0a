"""The table of where the time goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.records import Breakdown, Cell, CellBreakdown
from lab.report.breakdown import breakdown_table
from lab.store import Store, breakdowns
from tests.saved_answers import saved_run

CELLS = tuple(Cell(f"parallel_tokens={n}", {"parallel_tokens": n}) for n in (1, 128))
FOUND = Breakdown(
    "018f0000-0000-7000-8000-000000000001",
    "onnxruntime 1.32.0",
    "token",
    (
        CellBreakdown(CELLS[0].key, {"products": 3.0, "attention": 0.5, "unpacking": 0.0, "rest": 0.5}, 100, 0),
        CellBreakdown(
            CELLS[1].key, {"products": 0.3, "attention": 0.6, "unpacking": 0.0009, "rest": 0.0991}, 100, 0
        ),
    ),
)


def test_shares_stand_beside_the_cells_with_the_time_of_a_token(tmp_path: Path) -> None:
    """The products of a lone token take ten times as long as those of one among 128: the kernel unpacks."""
    run = replace(saved_run(Store(tmp_path)), cells=CELLS)
    drawn = breakdown_table(run, FOUND)

    assert [head.text for head in drawn.heads] == [
        *("parallel tokens", "time", "products", "attention", "unpacking", "rest"),
        *("products per token", "attention per token"),
    ]
    assert [row.texts for row in drawn.rows] == [
        ("1", "4.00 s", "75 %", "12 %", "0 %", "12 %", "30.0 ms", "5.00 ms"),
        ("128", "1.00 s", "30 %", "60 %", "< 0.1 %", "9.9 %", "3.00 ms", "6.00 ms"),
    ]
    assert "onnxruntime 1.32.0" in drawn.note
    assert "must not be compared between cells" in drawn.note


def test_launches_that_were_not_recorded_are_shown(tmp_path: Path) -> None:
    """Only where there are any."""
    run = replace(saved_run(Store(tmp_path)), cells=CELLS)
    cut = replace(FOUND, cells=(FOUND.cells[0], replace(FOUND.cells[1], unseen=7)))

    assert breakdown_table(run, cut).heads[-1].text == "not seen"
    assert [row.texts[-1] for row in breakdown_table(run, cut).rows] == ["0", "7"]


def test_a_breakdown_is_kept_with_its_run(tmp_path: Path) -> None:
    """A damaged one is none: it can always be made again."""
    saved_run(Store(tmp_path))
    assert breakdowns.read(tmp_path, FOUND.run) is None

    breakdowns.write(tmp_path, FOUND)
    assert breakdowns.read(tmp_path, FOUND.run) == FOUND

    (tmp_path / "runs" / FOUND.run / breakdowns.FILE).write_text('{"run": ')
    assert breakdowns.read(tmp_path, FOUND.run) is None
