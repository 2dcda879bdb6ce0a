"""The tables of an evaluation, said once for every format; they need no statistics, which start slowly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.records import Answer, CellAccuracy, Interval, Scored, Share
from lab.records.telling import percent
from lab.report.table import Column, Head, Row, Table, table
from lab.report.wording import cell_short, varying

SHOWN = 60
"""How many characters of a question or an answer a table shows."""


def tables(answer: Answer) -> list[Table]:
    """Return the tables of an evaluation: cells, kinds, layouts, and some wrong answers."""
    names = varying(answer.run.cells)
    columns: list[Column[CellAccuracy]] = [
        Column(Head("cell", "prose"), lambda c: cell_short(c.cell, names)),
        Column(Head("right"), lambda c: percent(c.share.estimate)),
        Column(Head("95 % interval"), lambda c: ends(c.share)),
        Column(Head(_off(answer)), lambda c: points(c.against_first)),
        Column(Head("questions"), lambda c: str(c.questions)),
        Column(Head("images"), lambda c: str(c.images)),
        Column(Head("not asked", "faults"), lambda c: str(c.problems), any(c.problems for c in answer.accuracy)),
    ]
    note = "Intervals are over questions, in clusters of one image; the difference is paired by question."
    found = [table(columns, answer.accuracy, title="right answers, higher is better", note=note)]
    found += [
        _groups(answer, "kind of question", lambda c: c.kinds),
        _groups(answer, "layout", lambda c: c.layouts),
    ]
    wrong = [(c, each) for c in answer.accuracy[:1] for each in c.wrong]
    said: list[Column[tuple[CellAccuracy, Scored]]] = [
        Column(Head("question", "prose"), lambda w: _cut(w[1].text)),
        Column(Head("expected", "prose"), lambda w: _cut(" or ".join(w[1].expected))),
        Column(Head("answer", "prose"), lambda w: _cut(w[1].said or "(nothing)")),
        Column(Head("kind", "words"), lambda w: w[1].kind),
    ]
    if wrong:
        found.append(table(said, wrong, title="Some wrong answers"))
    return found


def _off(answer: Answer) -> str:
    first = answer.run.cells[0]
    return f"points more than {cell_short(first, varying(answer.run.cells))}"


def ends(found: Interval) -> str:
    """Return the ends of a share's interval."""
    if found.low is None or found.high is None:
        return "none"
    return f"{_points(found.low)} to {_points(found.high)} %"


def points(found: Interval | None) -> str:
    """Return a difference of shares in percentage points with its interval."""
    if found is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{100 * found.estimate:+.1f}"
    return f"{100 * found.estimate:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def _groups(answer: Answer, what: str, of: Callable[[CellAccuracy], Sequence[Share]]) -> Table:
    """Return a table with a row for each kind or layout, and a column for each cell."""
    names = varying(answer.run.cells)
    rows = []
    for name in dict.fromkeys(each.name for cell in answer.accuracy for each in of(cell)):
        known = [next((each for each in of(cell) if each.name == name), None) for cell in answer.accuracy]
        count = max(each.questions for each in known if each is not None)
        shares = ("-" if e is None else f"{percent(e.interval.estimate)}\n{ends(e.interval)}" for e in known)
        rows.append(Row((name, str(count), *shares)))
    heads = (Head(what, "prose"), Head("questions"), *(Head(cell_short(c.cell, names)) for c in answer.accuracy))
    return Table(heads, tuple(rows), f"Right answers by {what}, each above its interval")
