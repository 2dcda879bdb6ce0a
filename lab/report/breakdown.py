"""The table of where the time of a run's cells went, by groups of operators."""

from __future__ import annotations

from lab.records import ATTENTION, PRODUCTS, REST, UNPACKING, Breakdown, Cell, CellBreakdown, Run
from lab.report.table import Column, Head, Table, table
from lab.report.wording import cell_short, percent, quantity, varying

TITLE = "Where the time goes, under the runtime's profiler: not a measurement"
NOTE = (
    "One process a cell, {runtime}. Unpacking: operators that only change a type or a scale. A kernel that "
    "unpacks inside its product or attention counts there: its time{per} then grows in small cells. The times are "
    "not the measurement's and must not be compared between cells: each ran once, with the profiler on, and the "
    "measurement may rank them in another order."
)


def breakdown_table(run: Run, found: Breakdown) -> Table:
    """Return a row for each cell: its time, the share of each group, and the products' time per patch or token."""
    names = varying(run.cells)
    cells = {cell.key: cell for cell in run.cells}

    def name(of: CellBreakdown) -> str:
        cell: Cell | None = cells.get(of.cell)
        return of.cell if cell is None else cell_short(cell, names)

    def share(group: str) -> Column[CellBreakdown]:
        return Column(Head(group), lambda of: _share(of, group))

    def per_item(group: str) -> Column[CellBreakdown]:
        return Column(
            Head(f"{group} per {found.item}"),
            lambda of: quantity(of.seconds.get(group, 0.0) / of.items, "s") if of.items else "?",
            bool(found.item),
        )

    columns: list[Column[CellBreakdown]] = [
        Column(Head(names[0].replace("_", " ") if len(names) == 1 else "cell", "prose"), name),
        Column(Head("time"), lambda of: quantity(of.total_s, "s")),
        *(share(group) for group in (PRODUCTS, ATTENTION, UNPACKING, REST)),
        per_item(PRODUCTS),
        per_item(ATTENTION),
        Column(
            Head("not seen", about="launches that the profiler did not record: in none of the figures"),
            lambda of: str(of.unseen),
            any(of.unseen for of in found.cells),
        ),
    ]
    note = NOTE.format(runtime=found.runtime, per=f" per {found.item}" if found.item else "")
    return table(columns, found.cells, title=TITLE, note=note)


def _share(of: CellBreakdown, group: str) -> str:
    share = of.seconds.get(group, 0.0) / of.total_s if of.total_s else 0.0
    return "< 0.1 %" if 0 < share < 0.001 else percent(share)
