"""The table of a night: what each device measured, and how much of it got worse."""

from __future__ import annotations

from collections import Counter

from lab.records import Outcome
from lab.report.night.said import named
from lab.report.night.view import KIND, View
from lab.report.table import Column, Head, Table, table


def devices_table(found: View) -> Table:
    """Return a row for each device that measured or should have."""
    outcomes: dict[str, Counter[Outcome]] = {}
    kinds: dict[str, str] = {}
    for each in found.values:
        outcomes.setdefault(each.series.device, Counter())[each.outcome] += 1
        kinds[each.series.device] = each.context.get(KIND, "unknown")
    gaps = Counter(gap.planned.device for gap in found.night.gaps)
    silent = {gap.planned.device: gap.nights for gap in found.night.silent}

    def count(*wanted: Outcome) -> Column[str]:
        return Column(
            Head(wanted[0]), lambda name: str(sum(outcomes.get(name, Counter())[each] for each in wanted))
        )

    columns: list[Column[str]] = [
        Column(Head("device", "words"), named),
        Column(Head("kind", "words"), lambda name: named(kinds.get(name, "unknown"))),
        Column(Head("series"), lambda name: str(outcomes.get(name, Counter()).total())),
        count("regressed"),
        count("suspected"),
        count("improved"),
        Column(Head("not measured"), lambda name: str(gaps[name])),
        Column(
            Head("silent"),
            lambda name: f"{silent[name]} nights" if name in silent else "no",
            shown=bool(silent),
        ),
    ]
    return table(columns, sorted({*outcomes, *gaps}), standing=lambda name: "not judged" if name in silent else "")
