"""The point of a series that is locked in a link, and the two runs taken from such points to compare them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboards import data, parts
from lab.records import Series
from lab.report.series.points import Point, metric_of, said_of

AT = " @ "
"""Stands between the series and the place of a point in a link."""


def locked(past: data.Past, suite: str, points_of: Callable[[data.Past, Series], tuple[Point, ...]]) -> None:
    """Draw the point that is locked in the link: its figure, what it is against, and where it leads."""
    name, _, at = st.query_params.get("point", "").rpartition(AT)
    if not name:
        st.caption("Click a point to lock it: its figure, the difference to the one before, its run.")
        _ends()
        return
    series = next((each for each in past.series if each.name == name), None)
    points = points_of(past, series) if series else ()
    place = next((i for i, each in enumerate(points) if each.at == at and each.known), None)
    if series is None or place is None:
        st.info("The point in this link has no figure here: another suite, axis or data root.")
        st.button("Forget it", on_click=_forget, args=("point",))
        return
    said, point = said_of(points, place, metric_of(series)), points[place]
    with st.container(border=True):
        st.markdown(f"**{parts.text(said.figure)}** · {parts.text(series.name)}")
        st.markdown(parts.text(said.against))
        st.markdown(f"Builds: {parts.text(said.builds)}")
        for each in said.changes:
            st.markdown(f"Changed between the two: {parts.text(each)}")
        run = data.runs_of_night(suite, point.date).get(series, "")
        with st.container(horizontal=True):
            if run:
                parts.link("run", "Its run", icon=":material/science:", id=run)
                st.button("Take as base", on_click=_take, args=("base", run))
                st.button("Take as new", on_click=_take, args=("new", run))
            else:
                st.caption("The run of this figure is not in the data root.")
            for night in data.nights():
                if (night.date, night.suite) == (point.date, suite):
                    name = f"Night of {point.date}"
                    parts.link("morning", name, icon=":material/wb_twilight:", night=night.id)
                    break
            for incident in data.incidents():
                if any(member.series == series for member in incident.members):
                    parts.link("incident", f"Incident {incident.night}", icon=":material/report:", id=incident.id)
            st.button("Unlock", icon=":material/lock_open:", on_click=_forget, args=("point",))
    _ends()


def _take(end: str, run: str) -> None:
    st.query_params[end] = run


def _forget(*names: str) -> None:
    for each in names:
        st.query_params.pop(each, None)


def _ends() -> None:
    """Draw the runs that were taken as base and as new, and the way to compare them."""
    base, new = st.query_params.get("base", ""), st.query_params.get("new", "")
    if not base and not new:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Base: {parts.text(base[:13] or 'none yet')} · new: {parts.text(new[:13] or 'none yet')}")
        if base and new:
            parts.link("compare", "Compare them", icon=":material/compare_arrows:", base=base, new=new)
        st.button("Forget both", on_click=_forget, args=("base", "new"))
