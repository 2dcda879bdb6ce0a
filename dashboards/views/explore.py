"""Explore: any series over builds and nights, what happened beside them, and any point of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import data, parts
from dashboards.charts.history import Line, drawn, history, in_order
from dashboards.charts.scatter import scatter
from dashboards.parts.locked import AT, locked
from lab.errors import LabError
from lab.records import Series
from lab.report.markdown import draw
from lab.report.series.choice import Asked, fitting, mattering
from lab.report.series.events import Happened, build_events, context_events, incident_builds, incident_events
from lab.report.series.facets import Drawn, Facet, facets_of, summary
from lab.report.series.heat import Start, by_kind, grouped
from lab.report.series.points import Point, by_builds, by_nights, metric_of
from lab.report.wording import KINDS, number_of, quantity

MOST_SERIES = 6
"""The most series that are drawn. A judgement: more cannot be told from each other."""

MOST_RUNS = 60
"""The most runs whose raw readings are read for one picture, the newest. A judgement: some hundred files."""

ALL = "all scenarios"


def explore() -> None:
    """Draw the page."""
    suites = list(dict.fromkeys(each.suite for each in data.nights() if each.status == "finished"))
    if not suites:
        parts.empty(
            "No finished night yet. Measure one, or look at ninety nights of a made-up rack:",
            "make nightly",
            "make nightly-demo && make dashboard-demo",
        )
        return
    suite = str(st.selectbox("Suite", suites, key="suite", bind="query-params")) if len(suites) > 1 else suites[0]
    past = data.past(suite)
    found = _chosen(past, suite)
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        axis = st.segmented_control(
            "Over", ["nights", "builds"], default="nights", required=True, key="over", bind="query-params"
        )
        told = st.pills(
            "Lines at", ["context", "incidents", "builds"], selection_mode="multi",
            default=["context", "incidents"], key="events", bind="query-params",
            help="context: the software of a device, the agent, the lab; builds: the first night of each",
        )  # fmt: skip
        normalised = st.toggle(
            "Relative", key="relative", bind="query-params", help="each series in percent of its first figure"
        )
    shown = found[:MOST_SERIES]
    st.caption(
        f"{len(shown)} of {len(found)} series that fit, of {len(past.series)} in {parts.text(suite)}; "
        f"{number_of(len(past.dates), 'night')}."
    )
    if not shown:
        st.info("No series fits. Clear a filter or the search.", icon=":material/filter_alt_off:")
        return
    points = {each: (by_builds if axis == "builds" else by_nights)(past, each) for each in shown}
    with bar:
        points = _ranged(points)
    facets = facets_of(points, normalised=normalised, over_builds=axis == "builds")
    marks = _marks(past, shown, str(axis), list(told))
    for number, facet in enumerate(facets):
        _draw(facet, _marks(past, [each.series for each in facet.lines], str(axis), list(told)), number)
    locked(past, suite, by_builds if axis == "builds" else by_nights)
    _events(marks)
    _table(facets)
    _heat(suite, points)
    _how()


def _chosen(past: data.Past, suite: str) -> list[Series]:
    """Return the series that fit the pickers, those that matter first where that is asked."""
    series = list(past.series)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = [*sorted({each.scenario for each in series}), ALL]
        scenario = str(st.selectbox("Scenario", names, key="scenario", bind="query-params", width=220))
        own = [each for each in series if scenario in (each.scenario, ALL)]
        picked = {
            name: tuple(
                st.multiselect(
                    label,
                    sorted({str(getattr(each, name)) for each in own}),
                    key=f"{name}s",
                    bind="query-params",
                    placeholder="all",
                    width=220,
                )
            )
            for name, label in (("cell", "Cells"), ("metric", "Metrics"), ("line", "Lines"), ("device", "Devices"))
        }
        words = st.text_input("Search", key="search", bind="query-params", placeholder="words", width=180)
        matters = st.toggle(
            "Only what matters",
            key="matters",
            bind="query-params",
            help="series with a finding in the last nights, or in an open incident",
        )
    asked = Asked(
        () if scenario == ALL else (scenario,),
        picked["cell"], picked["metric"], picked["line"], picked["device"], words or "",
    )  # fmt: skip
    found = fitting(series, asked)
    if matters:
        kept = data.mattering(suite)
        return [each for each in found if each in kept]
    acute = mattering([], data.incidents())
    return sorted(found, key=lambda each: each not in acute)


def _ranged(points: Mapping[Series, tuple[Point, ...]]) -> dict[Series, tuple[Point, ...]]:
    """Return the points between the two ends that are asked for."""
    dates = in_order(each.at for own in points.values() for each in own)
    if not dates:
        return dict(points)
    first = st.selectbox("From", dates, key="from", bind="query-params", width=150)
    last = st.selectbox("To", dates[::-1], key="to", bind="query-params", width=150)
    start, end = sorted((dates.index(str(first)), dates.index(str(last))))
    kept = set(dates[start : end + 1])
    return {series: tuple(each for each in own if each.at in kept) for series, own in points.items()}


def _marks(past: data.Past, shown: Sequence[Series], axis: str, told: Sequence[str]) -> list[Happened]:
    """Return what happened, of what is asked to be told."""
    if axis == "builds":
        return incident_builds(data.incidents(), shown) if "incidents" in told else []
    found = context_events(past, shown) if "context" in told else []
    found += incident_events(data.incidents(), shown) if "incidents" in told else []
    return found + (build_events(past, shown) if "builds" in told else [])


def _line(line: Drawn) -> Line:
    notes = (each.build.name if each.build else "" for each in line.points)
    return Line(
        line.name, line.kind, tuple(p.at for p in line.points), tuple(p.value for p in line.points), tuple(notes)
    )


def _draw(facet: Facet, marks: Sequence[Happened], number: int) -> None:
    """Draw the series of an axis; a point or a range that is selected goes into the link."""
    lines = [_line(each) for each in facet.lines]
    places = {at for line in lines for at in line.dates}
    option = history(
        lines,
        facet.metric,
        marks=[(each.at, each.words) for each in marks if each.at in places],
        selectable=True,
    )
    if facet.words:
        st.caption(parts.said(facet.words))
    dates = option["xAxis"]["data"]
    key = f"history-{number}-{facet.metric.name}-{len(lines)}-{'-'.join((*dates[:1], *dates[-1:]))}"
    points = [[(each.series.name, each.points[at].at) for at in found]
              for each, found in zip(facet.lines, drawn(lines), strict=True)]  # fmt: skip
    st.echarts_chart(option, alt=facet.alt, height=400, key=key, on_select=partial(_selected, key, points, dates))


def _selected(key: str, points: Sequence[Sequence[tuple[str, str]]], dates: Sequence[str]) -> None:
    """Put the selected point, or the ends of the selected range, into the link."""
    selection: Any = st.session_state[key]["selection"]
    for group in selection["selected"]:
        for at in group["data_indices"]:
            if group["series_index"] < len(points) and at < len(points[group["series_index"]]):
                st.query_params["point"] = AT.join(points[group["series_index"]][at])
    for area in selection["areas"]:
        ends = [min(max(round(end), 0), len(dates) - 1) for end in area["coord_range"]]
        if ends[0] != ends[1]:
            st.session_state["from"], st.session_state["to"] = dates[ends[0]], dates[ends[1]]


def _events(marks: Sequence[Happened]) -> None:
    if marks:
        with st.expander(f"What happened ({len(marks)})", icon=":material/event:"):
            parts.table(
                [{"at": each.at, "what": each.words} for each in reversed(marks)],
                alt=f"{number_of(len(marks), 'event')} beside the series, newest first",
                key="happened",
            )


def _table(facets: Sequence[Facet]) -> None:
    """Draw every point that is shown, and a summary to copy."""
    rows = [
        {
            "series": line.series.name,
            "at": point.at,
            "figure": quantity(point.value, facet.metric.unit),
            "value": point.value,
            "unit": facet.metric.unit,
            "build": point.build.name if point.build else "",
            "nights": point.nights,
        }
        for facet in facets
        for line in facet.lines
        for point in line.points
        if point.known
    ]
    st.subheader("All points shown", anchor=False)
    parts.table(rows, alt=f"{number_of(len(rows), 'point')} of the series above", key="points", height=280)
    with st.expander("Summary as Markdown", icon=":material/content_copy:"):
        st.code(draw(summary(facets)), language="markdown", wrap_lines=True)


def _heat(suite: str, points: Mapping[Series, tuple[Point, ...]]) -> None:
    """Draw figures against the temperature at the start of their trials, where it is asked for."""
    if not st.toggle("Against start temperature", key="heat", bind="query-params",
                     help="reads the raw trials of the newest runs shown"):  # fmt: skip
        return
    metric = metric_of(next(iter(points)))
    runs: dict[str, list[Series]] = {}
    for date in sorted({each.date for own in points.values() for each in own if each.known}, reverse=True):
        found = data.runs_of_night(suite, date)
        for series in points:
            if series in found and series.metric == metric.name and len(runs) < MOST_RUNS:
                runs.setdefault(found[series], []).append(series)
    starts = {run: _starts(run) for run in runs}
    drawn_any = False
    for kind, alike in by_kind(points).items():
        own = {run: [each for each in measured if each in alike] for run, measured in runs.items()}
        if groups := grouped(own, starts):
            drawn_any = True
            words = KINDS.get(kind, f"kind of device: {kind}")
            many = number_of(sum(map(len, groups.values())), "trial")
            st.caption(parts.said(words))
            parts.chart(
                scatter(groups, "temperature at the start (°C)", metric, kind),
                alt=f"{metric.label} against start temperature, {words}, {many}",
                height=360,
            )
    if not drawn_any:
        st.info(f"None of the {number_of(len(runs), 'run')} read a temperature before its trials.",
                icon=":material/device_thermostat:")  # fmt: skip


def _starts(run: str) -> Sequence[Start]:
    """Return what the gates of a run read; nothing of one that is gone."""
    try:
        return data.starts(run)
    except LabError:
        return ()


def _how() -> None:
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(
            "A point is the median of a series' trials in one night; over builds it is the median of the nights "
            "that measured the build. A gap is a night without a figure. Lines of different metrics, or of "
            "different kinds of device, never share an axis unless they are relative. A dotted line says what "
            "changed that night: a step beside it need not come from the build. A step here is no verdict: "
            "*Morning* says what was confirmed. The brush above a chart sets the range in the link; the slider "
            "below it only zooms."
        )


explore()
