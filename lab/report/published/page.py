"""The literature beside ours as one self-contained HTML page."""

from __future__ import annotations

from lab.report.html import environment
from lab.report.published.tables import claims_table, differs_table, reference_table
from lab.report.published.view import View


def render_html(view: View) -> str:
    """Return the page; it loads nothing and escapes every name."""
    return (
        environment()
        .get_template("published.html")
        .render(
            view=view,
            claims_table=claims_table,
            differs_table=differs_table,
            reference_table=reference_table,
        )
    )
