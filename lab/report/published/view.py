"""Each claim of the literature, and the newest figure of ours for the same question beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from lab.errors import LabError
from lab.records import (
    Answer,
    Cell,
    CellSummary,
    Interval,
    Literature,
    Metric,
    Published,
    Reference,
    SourceKind,
    Statement,
    System,
)
from lab.report.answer.own import own_runs
from lab.report.answer.saved import answer_of
from lab.report.answer.standing import matches
from lab.report.kept import ANSWER, kept
from lab.report.published.differs import Difference, differences
from lab.report.wording import cell_phrase, kind_of, number_of, plain
from lab.store import Store
from lab.trial import memory
from lab.trial.metrics import METRICS

Standing = Literal["measured", "not yet", "only published"]

OLDER = 5
"""How many runs of a scenario, device and line are looked at for a figure that newer ones lack: a judgement. A run
has figures of memory only where they were asked for."""

NOT_OURS = ("emulated", "simulated")
"""Kinds of device whose times are not measurements."""

GIGA = 1e9


@dataclass(frozen=True)
class Ours:
    """A figure of ours: a run's cell, its interval in `unit`, and what differs; for a statement, a sentence."""

    scenario: str
    cell: str
    run: str
    build_line: str
    build: str
    device: str
    device_kind: str
    started_utc: str
    interval: Interval | None
    unit: str
    sentence: str
    differs: tuple[Difference, ...]


@dataclass(frozen=True)
class Claim:
    """A published figure, or a statement (then `value` is None), with what was measured here for its question.

    `measure` is the command that measures it here, `instead` says why nothing does.
    """

    system: str
    words: str
    kind: SourceKind
    value: float | None
    unit: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    ours: tuple[Ours, ...]
    measure: str
    instead: str

    @property
    def standing(self) -> Standing:
        """How the claim stands."""
        return "measured" if self.ours else "only published" if self.instead else "not yet"


@dataclass(frozen=True)
class View:
    """The literature beside ours; `sentence` counts first."""

    sentence: str
    systems: tuple[System, ...]
    claims: tuple[Claim, ...]
    references: tuple[Reference, ...]


Answers = Mapping[str, Sequence[Answer]]
"""Scenario -> answers of every device and line, newest first within each."""


def view_of(literature: Literature, store: Store | None, lost: Callable[[str, LabError], None]) -> View:
    """Return every claim with our newest figures; without a store, the literature alone.

    `lost` is called with what could not be read.
    """
    asked = {each.scenario for each in literature.figures} | {each.scenario for each in literature.statements}
    answers = {} if store is None else _answers(store, asked, lost)
    systems = {each.name: each for each in literature.systems}
    claims = (
        *(_of_figures(store, same, answers, systems) for same in _merged(_measurable(literature.figures))),
        *(_of_statement(store, each, answers, systems) for each in literature.statements),
    )
    order = {name: place for place, name in enumerate(systems)}
    claims = tuple(sorted(claims, key=lambda claim: order.get(claim.system, len(order))))
    return View(_sentence(claims, literature.references), literature.systems, claims, literature.references)


def _measurable(figures: Sequence[Published]) -> list[Published]:
    """Leave out what no run measures: counts of the resolution study, which stand among the statements."""
    return [each for each in figures if each.metric in METRICS or each.metric in memory.METRICS]


def _merged(figures: Sequence[Published]) -> list[list[Published]]:
    """Return the figures, those together that are one claim which several scenarios ask about."""
    found: dict[tuple[object, ...], list[Published]] = {}
    for each in figures:
        found.setdefault((each.system, each.metric, each.value, each.kind), []).append(each)
    return list(found.values())


def _answers(store: Store, asked: set[str], lost: Callable[[str, LabError], None]) -> Answers:
    """Return the newest answers of each scenario, line and device."""
    found: dict[str, list[Answer]] = {}
    for group in store.run_groups():
        if group.scenario in asked and group.finished:
            found.setdefault(group.scenario, []).extend(_of_group(store, group.same, lost))
    return found


def _of_group(store: Store, same: tuple[str, str, str], lost: Callable[[str, LabError], None]) -> Iterator[Answer]:
    for row in islice(own_runs(store, *same, lost), OLDER):
        try:
            found = kept(Answer, store.root / "runs" / row.id / ANSWER) or answer_of(store, store.run(row.id))[0]
        except LabError as error:
            lost(f"run {row.id}", error)
            continue
        if kind_of(found.run) not in NOT_OURS:
            yield found


def _of_figures(
    store: Store | None, same: Sequence[Published], answers: Answers, systems: Mapping[str, System]
) -> Claim:
    first, metric = same[0], metric_named(same[0].metric)
    named = {name: value for name, value in first.parameters.items() if name != "input"}
    about = cell_phrase(Cell("", named), tuple(named)) if named else ""
    ours = [
        row
        for figure in same
        for row in _newest(_rows(store, figure, answers.get(figure.scenario, ()), systems.get(figure.system)))
    ]
    return Claim(
        system=first.system,
        words=f"{metric.label}: {about}" if about else metric.label,
        kind=first.kind,
        value=first.value / GIGA if metric.unit == "GB" else first.value,
        unit=metric.unit,
        sources=tuple(dict.fromkeys(each.source for each in same)),
        notes=tuple(dict.fromkeys(each.note for each in same if each.note)),
        ours=tuple(ours),
        measure=_command(systems.get(first.system), first.scenario),
        instead="",
    )


def _rows(
    store: Store | None, figure: Published, answers: Sequence[Answer], system: System | None
) -> Iterator[Ours]:
    """Yield our figures of the same metric and parameters, newest first within a line and a device."""
    for found in answers:
        if figure.runtime not in ("", found.run.context.facts.get("device_runtime")):
            continue
        for summary in found.summaries:
            interval = _interval(found, summary, figure.metric)
            if interval is not None and matches(figure, summary.cell):
                row = _row(store, found, system, summary.cell, figure.metric)
                yield replace(row, interval=interval, unit=metric_named(figure.metric).unit)


def _of_statement(
    store: Store | None, statement: Statement, answers: Answers, systems: Mapping[str, System]
) -> Claim:
    system = systems.get(statement.system)
    found = [each for each in answers.get(statement.scenario, ()) if any(s.interval for s in each.summaries)]
    rows = ((_row(store, each, system, each.run.cells[0], each.metric.name), each) for each in found)
    ours = [replace(row, cell="", sentence=each.sentence) for row, each in rows]
    return Claim(
        system=statement.system,
        words=statement.words,
        kind=statement.kind,
        value=None,
        unit="",
        sources=(statement.source,),
        notes=(),
        ours=tuple(_newest(ours)),
        measure=_command(system, statement.scenario) if statement.scenario else "",
        instead=statement.instead,
    )


def _newest(rows: Iterator[Ours] | Sequence[Ours]) -> list[Ours]:
    """Return the rows of the newest run of each line and device."""
    newest: dict[tuple[str, str], str] = {}
    return [row for row in rows if newest.setdefault((row.build_line, row.device), row.run) == row.run]


def _row(store: Store | None, found: Answer, system: System | None, cell: Cell, metric: str) -> Ours:
    run = found.run
    return Ours(
        scenario=run.scenario,
        cell=cell.key,
        run=run.id,
        build_line=run.build_line,
        build=run.build,
        device=run.device,
        device_kind=kind_of(run),
        started_utc=run.started_utc,
        interval=None,
        unit="",
        sentence="",
        differs=() if store is None or system is None else differences(store, system, run, cell, metric),
    )


def metric_named(name: str) -> Metric:
    """Return a metric of time or of memory; memory is said in GB, as the literature does."""
    if name in memory.METRICS:
        return replace(memory.METRICS[name], unit="GB")
    return METRICS[name]


def _interval(found: Answer, summary: CellSummary, metric: str) -> Interval | None:
    """Return a cell's interval of a metric in the metric's unit here: memory in GB; answers keep bytes."""
    if metric == found.metric.name:
        interval = summary.interval
    elif metric in found.other_metrics:
        interval = found.other_metrics[metric][1].get(summary.cell.key)
    else:
        return None
    if interval is None or metric not in memory.METRICS:
        return interval
    low, high = (None if end is None else end / GIGA for end in (interval.low, interval.high))
    return replace(interval, estimate=interval.estimate / GIGA, low=low, high=high)


def _command(system: System | None, scenario: str) -> str:
    if system is not None and system.measure:
        return plain(system.measure.replace("SCENARIO", scenario))
    return f"`lab run {scenario}`"


def _sentence(claims: Sequence[Claim], references: Sequence[Reference]) -> str:
    """Return how many claims have a row of ours, and how many only stand published."""
    count = {name: sum(claim.standing == name for claim in claims) for name in ("measured", "not yet")}
    only = len(claims) - sum(count.values())
    tables = f" {number_of(len(references), 'table')} of accuracy: for reference." if references else ""
    return (
        f"Of {number_of(len(claims), 'published claim')}, {count['measured']} "
        f"{'has' if count['measured'] == 1 else 'have'} a row of ours, {count['not yet']} could have one, and "
        f"{only} only {'stands' if only == 1 else 'stand'} published.{tables}"
    )
