"""Morning: what broke last night, and can the night be trusted?"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import data, parts
from dashboards.charts.coverage import coverage, height_of
from lab.records import OPEN, OUTCOMES, Finding, Outcome, Value
from lab.report.incident.view import sentence
from lab.report.night.covered import covered
from lab.report.night.markdown import render_markdown
from lab.report.night.names import names_of
from lab.report.night.said import change_words, from_to, what
from lab.report.night.view import View
from lab.report.signs import SIGNS
from lab.report.wording import number_of, quantity

TILES: Sequence[Outcome] = ("regressed", "suspected", "improved", "cannot tell")
"""The counts above everything else, also where they are 0."""

QUIET: tuple[Outcome, ...] = ("no change seen", "no history", "known")
"""Outcomes of series that nobody must look at."""

NAMED = 3
"""Most nights that are named because they cannot be read."""

BEFORE = 14
"""Nights that are listed before the one that is shown; a judgement: two weeks."""


def morning() -> None:
    """Draw the page."""
    nights = data.nights()
    for words in data.unreadable_nights()[:NAMED]:
        st.error(f"A night is left out. {parts.said(words)}", icon=":material/error:")
    if not nights:
        parts.empty("No night yet. Measure one, or look at ninety nights of a made-up rack:", "make nightly",
                    "make dashboard-demo")  # fmt: skip
        return
    view = data.night_view(_chosen(nights))
    st.subheader(parts.said(view.verdict), anchor=False)
    for mark in view.marks[1 if data.mark() and view.night.demo else 0 :]:
        st.warning(parts.said(mark), icon=":material/warning:")
    _tiles(view)
    _incidents(view)
    _trust(view)
    _coverage(view)
    _series(view)
    _before(nights)
    _take_away(view)


def _chosen(nights: Sequence[data.NightRow]) -> str:
    """Return the id of the night to show: the one in the link by its name, date or id, else the newest.

    Raises `StoreError` for a link to a night that is not there.
    """
    ids = dict(zip(names_of(nights), [each.id for each in nights], strict=True))
    asked = st.query_params.get("night", "")
    if asked and asked not in ids:
        found = data.night(asked).id
        st.session_state["night"] = next((name for name, each in ids.items() if each == found), next(iter(ids)))
    picked = st.selectbox("Night", list(ids), key="night", bind="query-params", width=300)
    return ids[str(picked)]


def _tiles(view: View) -> None:
    counts = view.night.counts
    with st.container(horizontal=True):
        more = [each for each, _ in view.tally if each not in (*TILES, *QUIET)]
        for word in (*TILES, *more):
            st.metric(f"{SIGNS[word]} {word}", counts.get(word, 0), border=True, help=OUTCOMES[word])
        gaps, planned = len(view.night.gaps), len(view.night.planned)
        st.metric(f"{SIGNS['not measured']} not measured", gaps, border=True, help=f"of {planned} planned runs")
        st.metric("series analysed", view.night.analysed, border=True, help="they were judged by this night")


def _incidents(view: View) -> None:
    st.subheader("Incidents", anchor=False)
    now = {each.id: each for each in data.incidents()}  # people acted since the night ended
    found = [now.get(each.id, each) for each in view.night.incidents]
    found.sort(key=lambda each: (each.status not in OPEN, each.id not in view.night.told))
    if not found:
        st.markdown("None is open.")
    for each in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"{parts.badge(each.status)} {parts.said(sentence(each))} "
                f"*{parts.text(each.owner) if each.owner else 'nobody owns it'}*"
            )
            parts.link("incident", "Evidence", icon=":material/arrow_forward:", id=each.id)


def _trust(view: View) -> None:
    st.subheader("Can the night be trusted?", anchor=False)
    trust = data.trust(view.night.id)
    st.markdown(f"**{parts.said(trust.verdict)}**")
    lines = [f"- {':orange[▲]' if each.doubt else ':green[●]'} {parts.said(each.words)}" for each in trust.reasons]
    st.markdown("\n".join(lines))


def _coverage(view: View) -> None:
    found = covered(view.night, view.values)
    if not found:
        return
    st.subheader("What was measured", anchor=False)
    key = f"covered {view.night.id}"  # a field that is selected is one of this night
    drawn = parts.drawn(key, found)
    picked = parts.chosen(coverage(found), alt=view.verdict, key=key, height=height_of(found))
    if picked and picked[0][1] < len(drawn):
        each = drawn[picked[0][1]]
        if each.run:
            st.switch_page("views/run.py", query_params={"id": each.run})
        st.info(parts.text(f"{each.device}, {each.scenario} with {each.line}: {each.words}"))
    st.caption("Select a field to open its run.")


def _series(view: View) -> None:
    st.subheader("Series", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        only = st.toggle("Only what matters", value=True, key="only", bind="query-params")
        asked = st.text_input("Search", key="q", bind="query-params", type="search", width=280)
    findings = {each.series: each for each in view.night.findings}
    values = [each for each in view.values if not (only and each.outcome in QUIET)]
    values = [each for each in values if all(word in each.series.name.lower() for word in asked.lower().split())]
    rank = list(OUTCOMES)
    values.sort(key=lambda each: rank.index(each.outcome))
    st.caption(f"{len(values)} of {len(view.values)} series. Select a row to open its run.")
    if values:
        parts.table(
            [_row(each, findings.get(each.series)) for each in values],
            alt=f"{len(values)} series of the night, worst first",
            key="series",
            to=("run", "id", [each.run for each in values]),
        )


def _row(value: Value, found: Finding | None) -> parts.Row:
    change = found.verdict.change if found and found.verdict else None
    figure = quantity(value.value, value.metric.unit)
    return {
        "outcome": parts.signed(value.outcome),
        "what": what(value.series, value.metric),
        "line": value.series.line,
        "device": value.series.device,
        "usual → tonight": from_to(value.usual, value.value, value.metric) if value.usual else f"? → {figure}",
        "in pairs": f"{change_words(change, value.metric)}" if change else "",
        "since": found.since if found else "",
        "trials": f"{value.trials}" + (f", {value.lost} lost" if value.lost else ""),
        "why": found.why if found else "",
    }


def _before(nights: Sequence[data.NightRow]) -> None:
    shown = st.expander(
        f"The last {min(BEFORE, len(nights))} nights", icon=":material/history:", on_change="rerun"
    )
    if not shown.open:
        return
    with shown:
        rows = [(each, data.night(each.id)) for each in nights[:BEFORE]]
        parts.table(
            [
                {
                    "night": row.date,
                    "suite": row.suite,
                    **{word: night.counts.get(word, 0) for word in OUTCOMES if word not in QUIET},
                    "not measured": len(night.gaps),
                    "series": night.analysed,
                    "alerts": len(night.told),
                    "noisy": night.noisy,
                }
                for row, night in rows
            ],
            alt=f"{number_of(len(rows), 'night')}, newest first",
            key="before",
        )


def _take_away(view: View) -> None:
    with st.expander("Copy as Markdown", icon=":material/content_copy:"):
        st.code(render_markdown(view), language="markdown", height=300)
    report = f"lab nightly report {view.night.date}"
    parts.commands(report, f"{report} --format json", "lab incidents")


morning()
