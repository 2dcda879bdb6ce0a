"""A night as one self-contained page."""

from __future__ import annotations

from lab.records import OUTCOMES
from lab.report.html import environment
from lab.report.night.plot import bars_of, history_plot, pairs_plot
from lab.report.night.said import member_words
from lab.report.night.tables import devices_table
from lab.report.night.view import PARTS, View
from lab.report.signs import SIGNS

PICTURES, LINES, BARS = 40, 1000, 12
"""Items of a section that are drawn, and those that have a line; series of an incident. Judgements."""

LINKS = {"known": "incidents", **{outcome: key for key, _, _, outcomes in PARTS for outcome in outcomes}}
"""Outcome -> the section that lists it."""


def render_page(found: View, rest: str = "report.json") -> str:
    """Return the page; it loads nothing, escapes every name, and follows the reader's light or dark setting.

    `rest` is the file beside it that has what the page leaves out.
    """
    return (
        environment()
        .get_template("night/page.html")
        .render(
            v=found,
            rest=rest,
            signs=SIGNS,
            links=LINKS,
            meanings=OUTCOMES,
            pictures=PICTURES,
            lines=LINES,
            most_bars=BARS,
            history_plot=history_plot,
            pairs_plot=pairs_plot,
            bars_of=bars_of,
            member_words=member_words,
            devices_table=devices_table,
        )
    )
