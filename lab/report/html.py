"""One self-contained HTML page: the answers of one run or of a whole suite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

from lab.records import Answer, Metric, Trial
from lab.report import wording
from lab.report.answer.chart import chart, state_of
from lab.report.answer.view import matches
from lab.report.timeline import of_curve


def render_html(answers: Sequence[tuple[Answer, Sequence[Trial]]]) -> str:
    """Return a page with a chart, tables, context and invalid trials for each answer.

    Nothing is loaded from anywhere; every name is escaped; it follows the reader's light or dark setting.
    """
    return environment().get_template("page.html").render(answers=answers)


def environment() -> jinja2.Environment:
    """Return what every page is rendered with: escaping, and the words of the report."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        plain=wording.plain,
        percent=wording.percent,
        probability=wording.probability,
    )
    found.globals.update(
        estimate=wording.estimate,
        interval_head=wording.interval_head,
        ranged=wording.ranged,
        others_head=_others_head,
        quantity=wording.quantity,
        cell_phrase=wording.cell_phrase,
        varying=wording.varying,
        chart=chart,
        of_curve=of_curve,
        state_of=state_of,
        matches=matches,
        unit_of=unit_of,
        kind_of=wording.kind_of,
        on_device=wording.on_device,
    )
    return found


def _others_head(answer: Answer) -> str:
    return wording.interval_head(
        found for _, by_cell in answer.other_metrics.values() for found in by_cell.values()
    )


def unit_of(answer: Answer, metric: str) -> Metric:
    """Return the metric of a published figure that rides along with an answer."""
    return answer.metric if metric == answer.metric.name else answer.other_metrics[metric][0]
