"""The tables of a comparison: both figures of each cell with the change, its pairs, and both contexts."""

from __future__ import annotations

from lab.compare.comparable import NONE
from lab.records import CHANGED, WORSE, Interval
from lab.report.table import Column, Head, Table, table
from lab.report.verdict.sentence import TIMES, multiple, multiples, signed
from lab.report.verdict.view import CellView, View
from lab.report.wording import estimate, quantity, ranged

LEVEL = "95 %"
"""The level of an interval that does not state its own, in small print."""


def figures_table(found: View) -> Table:
    """Return a row for each cell: both figures and the change, each with its interval below it."""
    unit, names = found.metric.unit, found.names
    many = len(found.cells) > 1
    columns: list[Column[CellView]] = [
        Column(Head("cell", "words"), lambda each: each.name, shown=many),
        Column(Head(names[0]), lambda each: _figure(each.figures[0], unit)),
        Column(Head(names[1]), lambda each: _figure(each.figures[1], unit)),
        Column(Head("change"), lambda each: _change(each.found.change)),
        Column(Head("pairs"), lambda each: str(each.found.pairs)),
        Column(Head("verdict", "words"), lambda each: each.found.verdict),
    ]
    return table(
        columns,
        found.cells,
        standing=_standing,
        title=f"{found.metric.label}, {found.metric.better} is better",
        note=f"Below each figure its {LEVEL} interval, unless it says otherwise. A figure is the median of a "
        "side's trials; the change is that of the pairs, so it need not be the quotient of the two.",
    )


def pairs_table(each: CellView, found: View) -> Table:
    """Return the valid pairs of a cell: both medians and their ratio, candidate / baseline."""
    unit = found.metric.unit
    columns: list[Column[int]] = [
        Column(Head("pair"), str),
        Column(Head(found.names[0]), lambda block: quantity(each.baseline[block], unit)),
        Column(Head(found.names[1]), lambda block: quantity(each.candidate[block], unit)),
        Column(Head("ratio"), lambda block: f"{each.ratios[block]:.4g}"),
    ]
    return table(columns, each.ratios)


def contexts_table(found: View) -> Table:
    """Return the facts of both contexts; a row whose sides differ stands as `differs`."""
    ours, theirs = found.baseline.context.facts, found.candidate.context.facts
    base, other = found.names

    def differs(name: str) -> bool:
        return theirs.get(name) != ours.get(name)

    columns: list[Column[str]] = [
        Column(Head("fact", "prose"), str),
        Column(Head(base, "prose"), lambda name: ours.get(name, NONE)),
        Column(Head(other, "prose"), lambda name: theirs.get(name, NONE) if differs(name) else "the same"),
    ]
    return table(columns, sorted({*ours, *theirs}), standing=lambda name: "differs" if differs(name) else "")


def _figure(found: Interval | None, unit: str) -> str:
    if found is None:
        return "none"
    text = estimate(found, unit)
    if found.low is None:
        return text
    return f"{text}\n{ranged(found, unit, LEVEL).replace(text[text.find(' ') :], '')}"


def _change(change: Interval | None) -> str:
    """Return the change with its interval below it, in percent or as multiples as the sentence has it."""
    if change is None:
        return "none"
    ends = [] if change.low is None or change.high is None else [change.low, change.high]
    if change.estimate >= TIMES:
        texts = [f"{multiple(change.estimate)} times", f"{multiples(ends)} times"]
    else:
        first, *rest = signed([change.estimate, *ends])
        texts = [first, " to ".join([*(text.removesuffix(" %") for text in rest[:1]), *rest[1:]])]
    return "\n".join(texts if ends else texts[:1])


def _standing(each: CellView) -> str:
    """Return how the candidate's row stands: worse as `wrong` does, better as `best` does."""
    if each.found.verdict in WORSE:
        return "wrong"
    return "best" if each.found.verdict in CHANGED else ""
