"""A comparison as one self-contained page: raw dots of both sides, every pair, both contexts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.records import CHANGED, Answer, Cell, CellSummary, Trial
from lab.report.answer.chart import Chart, chart
from lab.report.html import environment
from lab.report.verdict.view import CellView, View, contexts_table, name_of, pairs_table
from lab.stats.interval import cell_interval, trial_cv
from lab.stats.sample import Medians


def render_verdict_page(found: View, trials: Sequence[Trial], others: Sequence[Trial]) -> str:
    """Return the page of a view and the trials of baseline and candidate; every name in it is escaped."""

    def chart_of(shown: View, each: CellView) -> Chart | None:
        return _chart(shown, each, trials, others)

    return (
        environment()
        .get_template("verdict.html")
        .render(
            v=found,
            chart_of=chart_of,
            name_of=name_of,
            pairs_table=pairs_table,
            contexts_table=contexts_table,
        )
    )


def _chart(found: View, each: CellView, trials: Sequence[Trial], others: Sequence[Trial]) -> Chart | None:
    """Lay out both sides of a cell as the rows of an answer's chart, one of them best if it changed."""
    rows = (Cell("A", {"side": "A"}, "A, the baseline"), Cell("B", {"side": "B"}, "B, the candidate"))
    own = [replace(trial, cell="A") for trial in trials if trial.cell == each.cells[0].key]
    own += [replace(trial, cell="B") for trial in others if trial.cell == each.cells[1].key]
    changed = each.found.verdict in CHANGED
    best = ("B" if each.found.verdict in ("improved", "faster") else "A") if changed else None
    answer = Answer(
        run=replace(found.baseline, cells=rows),
        question="",
        metric=found.metric,
        summaries=(_summary(rows[0], each.baseline, best), _summary(rows[1], each.candidate, best)),
        best=best,
        contenders=(best,) if best else ("A", "B"),
        sentence=each.sentence,
        published=(),
        other_metrics={},
        warnings=(),
    )
    return chart(answer, own)


def _summary(cell: Cell, medians: Medians, best: str | None) -> CellSummary:
    values = list(medians.values())
    return CellSummary(
        cell=cell,
        interval=cell_interval(values, looks=None) if values else None,
        valid=len(values),
        invalid={},
        trial_cv=trial_cv(values) if values else None,
        between_cv=None,
        within_cv=None,
        may_be_best=best in (None, cell.key),
    )
