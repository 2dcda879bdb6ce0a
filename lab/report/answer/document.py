"""An answer for programs: its figures with their intervals, as a document and as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lab.records import (
    Answer,
    Breakdown,
    Cell,
    CellAccuracy,
    CellSummary,
    Interval,
    Metric,
    Published,
    Run,
    Sustained,
)
from lab.report.answer.standing import Standing, standing_of
from lab.report.document import Row
from lab.report.wording import kind_of


@dataclass(frozen=True)
class CellFigures:
    """A cell. `figures` is keyed by metric, whose name carries the unit; null where a cell has too few trials.

    The coefficients of variation (0.01 = 1 %) are of the headline metric.
    """

    cell: Cell
    standing: Standing
    figures: Mapping[str, Interval | None]
    valid: int
    unsteady: int
    invalid: Mapping[str, int]
    trial_cv: float | None
    between_cv: float | None
    within_cv: float | None


@dataclass(frozen=True)
class AnswerDocument:
    """A run's answer. `metrics` says of every figure's name what it is; the first one is the headline's."""

    result: Literal["answer"]
    run: Run
    question: str
    sentence: str
    metrics: tuple[Metric, ...]
    best: str | None
    contenders: tuple[str, ...]
    cells: tuple[CellFigures, ...]
    curves: tuple[Sustained, ...]
    accuracy: tuple[CellAccuracy, ...]
    published: tuple[Published, ...]
    warnings: tuple[str, ...]
    breakdown: Breakdown | None


def answer_document(answer: Answer, breakdown: Breakdown | None) -> AnswerDocument:
    """Return an answer for programs; `breakdown` is what `lab profile` found, if anything."""
    return AnswerDocument(
        result="answer",
        run=answer.run,
        question=answer.question,
        sentence=answer.sentence,
        metrics=(answer.metric, *(metric for metric, _ in answer.other_metrics.values())),
        best=answer.best,
        contenders=answer.contenders,
        cells=tuple(_cell(answer, summary) for summary in answer.summaries),
        curves=answer.curves,
        accuracy=answer.accuracy,
        published=answer.published,
        warnings=answer.warnings,
        breakdown=breakdown,
    )


def answer_rows(answer: Answer) -> list[Row]:
    """Return a row for each cell and metric; a cell's parameters are columns."""
    run = answer.run
    about = {
        "run": run.id,
        "scenario": run.scenario,
        "build_line": run.build_line,
        "build": run.build,
        "device": run.device,
        "device_kind": kind_of(run),
        "started_utc": run.started_utc,
        "status": run.status,
    }
    return [
        {
            **about,
            "cell": summary.cell.key,
            **summary.cell.parameters,
            "standing": standing_of(answer, summary),
            "valid": summary.valid,
            "unsteady": summary.unsteady,
            "invalid": sum(summary.invalid.values()),
            **figure_row(name, found),
        }
        for summary in answer.summaries
        for name, found in _figures(answer, summary).items()
    ]


def figure_row(metric: str, found: Interval | None) -> Row:
    """Return the columns of a figure; empty where there is none."""
    values = vars(found) if found is not None else dict.fromkeys(("estimate", "low", "high", "level", "n"))
    return {"metric": metric, **values}


def _cell(answer: Answer, summary: CellSummary) -> CellFigures:
    return CellFigures(
        cell=summary.cell,
        standing=standing_of(answer, summary),
        figures=_figures(answer, summary),
        valid=summary.valid,
        unsteady=summary.unsteady,
        invalid={str(reason): count for reason, count in summary.invalid.items()},
        trial_cv=summary.trial_cv,
        between_cv=summary.between_cv,
        within_cv=summary.within_cv,
    )


def _figures(answer: Answer, summary: CellSummary) -> dict[str, Interval | None]:
    others = {name: by_cell.get(summary.cell.key) for name, (_, by_cell) in answer.other_metrics.items()}
    return {answer.metric.name: summary.interval, **others}
