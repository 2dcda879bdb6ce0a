"""A comparison as one self-contained page: raw dots of both sides, every pair, both contexts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.records import CHANGED, Answer, Cell, CellSummary, Interval, Trial
from lab.report.answer.chart import Chart, charts
from lab.report.html import environment
from lab.report.verdict.tables import contexts_table, figures_table, pairs_table
from lab.report.verdict.view import CellView, View
from lab.stats.interval import trial_cv
from lab.stats.sample import Medians


def render_verdict_page(found: View, trials: Sequence[Trial], others: Sequence[Trial]) -> str:
    """Return the page of a view and the trials of baseline and candidate; every name in it is escaped."""

    def chart_of(shown: View, each: CellView) -> list[Chart]:
        return _charts(shown, each, trials, others)

    return (
        environment()
        .get_template("verdict.html")
        .render(
            v=found,
            chart_of=chart_of,
            tone_of=_tone,
            figures_table=figures_table,
            pairs_table=pairs_table,
            contexts_table=contexts_table,
        )
    )


def _tone(each: CellView) -> str:
    """Return the style of a verdict's sentence: worse is red, what is not known amber, as in a terminal."""
    if each.doubtful or each.found.verdict in ("cannot tell", "incomparable"):
        return "none"
    return "worse" if each.found.verdict in ("regressed", "slower") else ""


def _charts(found: View, each: CellView, trials: Sequence[Trial], others: Sequence[Trial]) -> list[Chart]:
    """Lay out both sides of a cell as the rows of an answer's chart, one of them best if it changed."""
    base, other = found.names
    rows = (Cell("A", {"side": "A"}, f"{base}, the baseline"), Cell("B", {"side": "B"}, f"{other}, the candidate"))
    own = [replace(trial, cell="A") for trial in trials if trial.cell == each.cells[0].key]
    own += [replace(trial, cell="B") for trial in others if trial.cell == each.cells[1].key]
    changed = each.found.verdict in CHANGED
    best = ("B" if each.found.verdict in ("improved", "faster") else "A") if changed else None
    answer = Answer(
        run=replace(found.baseline, cells=rows),
        question="",
        metric=found.metric,
        summaries=(
            _summary(rows[0], each.baseline, each.figures[0], best),
            _summary(rows[1], each.candidate, each.figures[1], best),
        ),
        best=best,
        contenders=(best,) if best else ("A", "B"),
        sentence=each.sentence,
        published=(),
        other_metrics={},
        warnings=(),
    )
    return charts(answer, own)


def _summary(cell: Cell, medians: Medians, figure: Interval | None, best: str | None) -> CellSummary:
    values = list(medians.values())
    return CellSummary(
        cell=cell,
        interval=figure,
        valid=len(values),
        invalid={},
        trial_cv=trial_cv(values) if values else None,
        between_cv=None,
        within_cv=None,
        may_be_best=best in (None, cell.key),
    )
