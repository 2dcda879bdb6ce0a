"""The scenarios and suites that come with pocketlab, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from lab.report.table import Column, Head, Table, table
from lab.scenario.known import KnownScenario, KnownSuite


def scenarios_table(found: Sequence[KnownScenario]) -> Table:
    """Return a row for each scenario: its question, and how it is answered."""
    columns: list[Column[KnownScenario]] = [
        Column(Head("scenario", "whole"), lambda each: each.name),
        Column(Head("question", "prose"), lambda each: each.question),
        Column(Head("cells"), lambda each: str(each.cells or "none")),
        Column(Head("answered by", "whole"), lambda each: each.metric),
    ]
    return table(columns, found, note="one: `lab run NAME`; first what it would do: `lab run NAME --dry-run`")


def suites_table(found: Sequence[KnownSuite]) -> Table:
    """Return a row for each suite."""
    columns: list[Column[KnownSuite]] = [
        Column(Head("suite", "whole"), lambda each: each.name),
        Column(Head("question", "prose"), lambda each: each.question),
        Column(Head("scenarios", "prose"), lambda each: ", ".join(each.scenarios)),
    ]
    return table(
        columns, found, note="all of one: `lab run --suite NAME`; one scenario by its plan: with NAME too"
    )
