"""A night for programs: the record, what is said of it, and a row for each series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.records import Finding, Night, Outcome, Value
from lab.report.night.view import View, view_of


@dataclass(frozen=True)
class SeriesRow:
    """A series tonight: its figure and the usual one, in the metric's unit.

    `outcome` is null for a series that is planned and was not measured; then `why` says why. `ratio` is new /
    usual, that of the confirmation where there is one, with its interval from `low` to `high`.
    """

    series: str
    scenario: str
    cell: str
    line: str
    metric: str
    device: str
    unit: str
    build: str
    revision: int
    run: str
    value: float | None
    usual: float | None
    error: float | None
    trials: int
    lost: int
    nights: int
    outcome: Outcome | None
    why: str
    ratio: float | None
    low: float | None
    high: float | None
    pairs: int
    smallest_found: float | None
    incident: str


@dataclass(frozen=True)
class SaidSection:
    """A section of the report: the line of each of its items."""

    key: str
    title: str
    note: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class NightDocument:
    """A night: what every format of its report says, and what it rests on.

    `failing` names the series that fail a gate: regressions that a comparison confirmed.
    """

    result: Literal["night"]
    verdict: str
    subject: str
    marks: tuple[str, ...]
    failing: tuple[str, ...]
    sections: tuple[SaidSection, ...]
    method: tuple[str, ...]
    series: tuple[SeriesRow, ...]
    night: Night


def night_document(found: View | Night, values: Sequence[Value]) -> NightDocument:
    """Return a night for programs."""
    view = view_of(found, values) if isinstance(found, Night) else found
    return NightDocument(
        result="night",
        verdict=view.verdict,
        subject=view.subject,
        marks=view.marks,
        failing=tuple(each.series.name for each in view.night.findings if each.failing),
        sections=tuple(
            SaidSection(each.key, each.title, each.note, tuple(item.line for item in each.items))
            for each in view.sections
        ),
        method=view.method,
        series=tuple(rows_of(view)),
        night=view.night,
    )


def rows_of(view: View) -> Iterator[SeriesRow]:
    """Yield a row for each series measured or judged tonight, then one for each gap."""
    findings = {each.series: each for each in view.night.findings}
    for value in view.values:
        yield _row(value, findings.pop(value.series, None))
    for found in findings.values():
        yield _row(_of(found), found)
    for gap in view.night.gaps:
        plan = gap.planned
        name = " / ".join((plan.scenario, plan.line, plan.device))
        fields = (name, plan.scenario, "", plan.line, "", plan.device, "", "", 0, "")
        yield SeriesRow(*fields, None, None, None, 0, 0, 0, None, gap.why, None, None, None, 0, None, "")


def _of(found: Finding) -> Value:
    """Return the figure of a finding whose series has none in the night's list."""
    return Value(
        found.series, found.metric, found.bad, found.run, found.value, None, 0, 0, {}, found.outcome, found.usual
    )


def _row(value: Value, found: Finding | None) -> SeriesRow:
    verdict = found.verdict if found else None
    change = verdict.change if verdict else None
    ratio = value.value / value.usual if value.usual else None
    series = value.series
    return SeriesRow(
        series=series.name,
        scenario=series.scenario,
        cell=series.cell,
        line=series.line,
        metric=series.metric,
        device=series.device,
        unit=value.metric.unit,
        build=value.build.id,
        revision=value.build.revision,
        run=value.run,
        value=value.value,
        usual=value.usual,
        error=value.error,
        trials=value.trials,
        lost=value.lost,
        nights=value.nights,
        outcome=found.outcome if found else value.outcome,
        why=found.why if found else "",
        ratio=change.estimate if change else ratio,
        low=change.low if change else None,
        high=change.high if change else None,
        pairs=verdict.pairs if verdict else 0,
        smallest_found=verdict.smallest_found if verdict else None,
        incident=found.incident if found else "",
    )
