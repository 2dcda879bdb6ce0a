"""Morning: what broke last night, and can the night be trusted?"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import data, parts
from dashboards.charts.coverage import coverage, height_of
from lab.records import OPEN, OUTCOMES, Incident, Outcome
from lab.report.night.covered import covered
from lab.report.night.view import View
from lab.report.signs import SIGNS
from lab.report.wording import number_of

TILES: Sequence[tuple[str, tuple[Outcome, ...]]] = (
    ("regressed", ("regressed",)),
    ("suspected", ("suspected",)),
    ("cannot tell", ("cannot tell", "not reproduced")),
    ("improved", ("improved",)),
)
"""The counts above everything else, and the outcomes that each of them counts."""


def morning() -> None:
    """Draw the page."""
    nights = data.nights()
    if not nights:
        parts.empty("No night yet. Measure one, or look at ninety nights of a made-up rack:", "make nightly",
                    "make nightly-demo && make dashboard-demo")  # fmt: skip
        return
    ids = {f"{each.date} · {each.suite}" if _several(nights, each.date) else each.date: each.id for each in nights}
    date = st.selectbox("Night", list(ids), key="night", bind="query-params", width=260)
    view = data.night_view(ids[str(date)])
    st.subheader(parts.said(view.verdict), anchor=False)
    for mark in view.marks[1 if view.night.demo else 0 :]:
        st.warning(parts.said(mark), icon=":material/warning:")
    _tiles(view)
    _incidents(view)
    _coverage(view)


def _several(nights: Sequence[data.NightRow], date: str) -> bool:
    return sum(each.date == date for each in nights) > 1


def _tiles(view: View) -> None:
    counts = view.night.counts
    with st.container(horizontal=True):
        for word, outcomes in TILES:
            number = sum(counts.get(each, 0) for each in outcomes)
            st.metric(
                f"{SIGNS[word]} {word}",
                number,
                border=True,
                help="; ".join(OUTCOMES[each] for each in outcomes),
            )
        st.metric("∅ not measured", len(view.night.gaps), border=True, help="planned runs that have no figure")
        st.metric("series analysed", view.night.analysed, border=True)


def _incidents(view: View) -> None:
    st.subheader("Incidents", anchor=False)
    found = [each for each in view.night.incidents if each.status in OPEN]
    if not found:
        st.markdown("No open incident.")
        return
    parts.table(
        [_row(each, view) for each in found],
        alt=f"{number_of(len(found), 'open incident')}; select one to see its evidence",
        key="open",
        to=("incident", "id", [each.id for each in found]),
    )


def _row(found: Incident, view: View) -> parts.Row:
    return {
        "state": parts.signed(found.status),
        "line": found.line,
        "builds": f"r{found.good.revision}..r{found.bad.revision}",
        "series": len(found.members),
        "since": found.night,
        "owner": found.owner or "nobody",
    }


def _coverage(view: View) -> None:
    st.subheader("What was measured", anchor=False)
    found = covered(view.night, view.values)
    if not found:
        return
    picked = parts.chosen(coverage(found), alt=view.verdict, key="covered", height=height_of(found))
    if picked:
        each = found[picked[0][1]]
        if each.run:
            st.switch_page("views/run.py", query_params={"id": each.run})
        st.info(parts.text(f"{each.device}, {each.scenario} with {each.line}: {each.words}"))


morning()
