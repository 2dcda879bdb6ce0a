"""An explanation as one self-contained page, with a timeline of its trials."""

from __future__ import annotations

from lab.report.explain.view import Explanation, numbers_of
from lab.report.html import environment
from lab.report.timeline import of_trials
from lab.stats.variance import ENOUGH


def render_explanation_page(found: Explanation) -> str:
    """Return the page: nothing is loaded from anywhere, every name is escaped."""
    template = environment().get_template("explain.html")
    return template.render(e=found, of_trials=of_trials, numbers_of=numbers_of, enough=ENOUGH)
