"""Answers of one run or of a whole suite as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from lab.records import Answer, Trial
from lab.report.answer import right
from lab.report.answer.chart import charts
from lab.report.answer.delay_chart import NAMES, delay_charts
from lab.report.answer.tables import cells_table, invalid_table, others_table, published_table
from lab.report.html import environment
from lab.report.timeline import of_curve


def render_html(answers: Sequence[tuple[Answer, Sequence[Trial]]]) -> str:
    """Return a page with a chart, tables, context and invalid trials for each answer.

    It loads nothing, escapes every name, and follows the reader's light or dark setting.
    """
    return (
        environment()
        .get_template("page.html")
        .render(
            answers=answers,
            charts=charts,
            delay_charts=delay_charts,
            delay_names=NAMES,
            of_curve=of_curve,
            cells_table=cells_table,
            accuracy_tables=right.tables,
            others_table=others_table,
            published_table=published_table,
            invalid_table=invalid_table,
        )
    )
