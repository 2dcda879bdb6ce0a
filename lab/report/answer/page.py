"""Answers of one run or of a whole suite as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from lab.records import Answer, Metric, Trial
from lab.report import wording
from lab.report.answer.chart import chart, state_of
from lab.report.answer.view import matches
from lab.report.html import environment
from lab.report.timeline import of_curve


def render_html(answers: Sequence[tuple[Answer, Sequence[Trial]]]) -> str:
    """Return a page with a chart, tables, context and invalid trials for each answer.

    Nothing is loaded from anywhere; every name is escaped; it follows the reader's light or dark setting.
    """
    return environment().get_template("page.html").render(answers=answers, **FUNCTIONS)


def _others_head(answer: Answer) -> str:
    return wording.interval_head(
        found for _, by_cell in answer.other_metrics.values() for found in by_cell.values()
    )


def unit_of(answer: Answer, metric: str) -> Metric:
    """Return the metric of a published figure that rides along with an answer."""
    return answer.metric if metric == answer.metric.name else answer.other_metrics[metric][0]


FUNCTIONS = {
    "chart": chart,
    "matches": matches,
    "of_curve": of_curve,
    "others_head": _others_head,
    "state_of": state_of,
    "unit_of": unit_of,
}
"""Functions that the template calls."""
