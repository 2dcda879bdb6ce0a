"""The literature beside ours as Markdown."""

from __future__ import annotations

from lab.report.markdown import draw
from lab.report.published.tables import claims_table, differs_table, reference_table
from lab.report.published.view import View
from lab.report.wording import PUBLISHED, escape


def render_markdown(view: View) -> str:
    """Return the count, and every table under its title; ends with a newline."""
    tables = [
        each
        for system in view.systems
        for each in (claims_table(view, system), differs_table(view, system))
        if each is not None
    ]
    tables += [reference_table(each) for each in view.references]
    blocks = ["## Published figures and ours", escape(view.sentence), f"{PUBLISHED}."]
    blocks += [block for each in tables for block in (f"### {escape(each.title)}", draw(each))]
    return "\n\n".join(blocks) + "\n"
