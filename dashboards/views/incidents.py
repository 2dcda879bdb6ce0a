"""Incidents: what must be acted on, and whose is it?"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import streamlit as st

from dashboards import data, parts
from lab.errors import LabError
from lab.records import OPEN, Incident
from lab.report.incident.listed import Asked, devices_of, fitting, table_of, worst_of
from lab.report.incident.view import age, age_words, revisions, worse_by
from lab.report.markdown import draw
from lab.report.night.said import names
from lab.report.signs import SIGNS
from lab.report.wording import number_of

STATES = ("new", "back", "acknowledged", "expected", "fixed", "invalid")
"""The states of an incident, those that ask for something first."""

SPARK = 20
"""Nights before and after the step in a row of the table; a judgement: more would blur there."""


def incidents() -> None:
    """Draw the page."""
    every = data.incidents()
    if not every:
        parts.empty("No incident. Nights find them; the demonstration has some:", "lab nightly SUITE",
                    "make nightly-demo && make dashboard-demo")  # fmt: skip
        return
    found = fitting(every, _asked(every))
    dates = {each.date for each in data.nights()}
    _counts(found, every)
    if not found:
        st.info("No incident fits. Clear a filter or the search.", icon=":material/filter_alt_off:")
        return
    parts.table(
        [_row(each, dates) for each in found],
        alt=f"{number_of(len(found), 'incident')}; select one to see its evidence",
        key="queue",
        to=("incident", "id", [each.id for each in found]),
        columns={
            "history": st.column_config.LineChartColumn(
                help=f"the worst series, {SPARK} nights before its step and after", width="small", color="gray"
            ),
            "worst by": st.column_config.TextColumn(
                help="by how much the worst series got worse, with its interval"
            ),
            "line": st.column_config.TextColumn(width=130),
            "worst": st.column_config.TextColumn(width=270),
            "nights": st.column_config.NumberColumn(help="nights in which its series were worse"),
        },
    )
    st.caption("Select a row to see its evidence and to act.")
    _several([each for each in found if each.status in OPEN and each.status != "acknowledged"], dates)
    with st.expander("Copy as Markdown", icon=":material/content_copy:"):
        st.code(draw(table_of(found, dates)), language="markdown")


def _asked(every: Sequence[Incident]) -> Asked:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        states = st.multiselect("States", STATES, key="states", bind="query-params", placeholder="all", width=200)
        picked = {
            key: st.multiselect(label, options, key=key, bind="query-params", placeholder="all", width=220)
            for key, label, options in (
                ("lines", "Lines", sorted({each.line for each in every})),
                ("devices", "Devices", sorted({device for each in every for device in devices_of(each)})),
            )
        }
        words = st.text_input("Search", key="search", bind="query-params", placeholder="words", width=180)
        matters = st.toggle("Only what matters", key="matters", bind="query-params", help="the open ones")
    return Asked(states, picked["lines"], picked["devices"], words or "", matters)


def _counts(found: Sequence[Incident], every: Sequence[Incident]) -> None:
    counts = {state: sum(each.status == state for each in found) for state in STATES}
    told = " · ".join(f"{SIGNS[state]} {count} {state}" for state, count in counts.items() if count)
    series = sum(len(each.members) for each in found)
    st.markdown(
        f"**{len(found)} of {number_of(len(every), 'incident')}**{f': {told}' if told else ''}; {series} series, "
        f"of {number_of(len(data.nights()), 'night')}."
    )


def _row(found: Incident, dates: set[str]) -> parts.Row:
    return {
        "state": parts.signed(found.status),
        "line": found.line,
        "builds": revisions(found),
        "worst by": worse_by(found.worst),
        "worst": worst_of(found),
        "history": _spark(found),
        "since": found.began,
        "nights": age(found, dates),
        "owner": found.owner or "nobody",
        "series": len(found.members),
        "devices": names(devices_of(found)),
    }


def _spark(found: Incident) -> list[float]:
    """Return the figures of the worst series around its step; empty where no night has them."""
    series = found.worst.series
    past = data.past_with(series)
    if past is None:
        return []
    step = bisect_left(past.dates, found.began)
    around = past.series[series].values[max(0, step - SPARK) : step + SPARK].tolist()
    return [value for value in around if math.isfinite(value)]


def _several(found: Sequence[Incident], dates: set[str]) -> None:
    """Offer to acknowledge several at once."""
    if len(found) < 2 or not data.writer():
        return
    labels = {
        each.id: f"{each.line} {revisions(each)}, {age_words(each, dates)}, {each.id[:13]}" for each in found
    }
    with (
        st.expander("Acknowledge several", icon=":material/done_all:"),
        st.form("several", border=False, enter_to_submit=False),
    ):
        picked = st.multiselect("Incidents", list(labels), format_func=labels.__getitem__, key="picked")
        note = st.text_input("Note", key="several-note", help="why, for whoever reads the story")
        owner = st.text_input("Owner", key="several-owner", help="who looks after them; empty: stays as it is")
        if st.form_submit_button("Acknowledge", icon=":material/done_all:"):
            _acknowledge([each for each in found if each.id in picked], note, owner)
    st.session_state["several-seen"] = {each.id: len(each.events) for each in found}


def _acknowledge(found: Sequence[Incident], note: str, owner: str) -> None:
    """Acknowledge incidents as the page showed them; name those that changed meanwhile, and leave them."""
    if not found:
        st.warning("Pick the incidents first.")
        return
    refused, shown = False, st.session_state.get("several-seen", {})
    for each in found:
        try:
            seen = shown.get(each.id, len(each.events))
            data.act(each.id, "acknowledged", note=note, owner=owner, seen=seen)
        except LabError as error:
            refused = True
            parts.failed(error)
    if not refused:
        st.rerun()


incidents()
