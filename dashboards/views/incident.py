"""Incident: is it real, since when, which build, and what else moved?"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import data, parts
from dashboards.charts.history import Line, history
from dashboards.charts.pairs import height_of, pairs, worse
from lab.errors import LabError
from lab.records import Incident, Stage
from lab.report.incident.confirmed import Confirmed
from lab.report.incident.view import View, age_words
from lab.report.night.said import change_words, from_to
from lab.report.series.events import context_events, incident_events
from lab.report.series.points import by_nights, kind_of
from lab.report.wording import capital, number_of, plain
from lab.trial.metrics import METRICS

ACTS = {
    "acknowledged": ("Acknowledge", "somebody looks after it"),
    "expected": ("Expected", "the step is real and wanted: its level is the usual one from now on"),
    "invalid": ("Invalid", "a false alarm: the same step is not reported again"),
}
"""What a person may say of an incident -> the label, and what it means."""

SIDES = {
    "for": ("Speaks for it", ":material/add:"),
    "against": ("Speaks against it", ":material/remove:"),
    "unknown": ("Unknown", ":material/question_mark:"),
}


def incident() -> None:
    """Draw the page of the incident that the link names."""
    wanted = st.query_params.get("id", "")
    if not wanted:
        parts.empty("This link names no incident. Pick one from the list:", "lab incidents --all")
        parts.link("incidents", "All incidents", icon=":material/report:")
        return
    view = data.incident(wanted)
    if not data.mark():  # which stands above every page
        parts.mark(" ".join(view.marks))
    _claim(view)
    _act(view.incident)
    each = _picked(view)
    _history(view, each)
    _pairs(view, each)
    _stages(each)
    _reasons(view)
    _series(view)
    _story(view.incident)
    _commands(view)
    with st.expander("Text for a bug tracker", icon=":material/bug_report:"):
        st.code(view.tracker, language=None)


def _claim(view: View) -> None:
    found = view.incident
    dates = [each.date for each in data.nights()]
    st.markdown(
        f"{parts.badge(found.status)} {parts.text(found.line)} · {age_words(found, dates)} · owner "
        f"{parts.text(found.owner or 'nobody')} · incident {found.id[:13]}"
    )
    st.markdown(f"#### {parts.said(view.sentence)}")


# --- acting --------------------------------------------------------------------------------------------------


def _act(found: Incident) -> None:
    """Draw the form, and save what it says; the story it was shown with decides if somebody was faster."""
    open_to = data.acts(found.status)
    if not data.writer():
        st.caption(f"Nobody acts from this dashboard but whom `{data.WRITERS}` names. On the command line:")
        command = f"lab incidents acknowledge {found.id[:13]} --note 'why' --owner NAME"
        st.code(parts.completed(command), language="bash")
        return
    seen_key = f"seen-{found.id}"
    with st.form("act", enter_to_submit=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            state = st.segmented_control(
                "Mark it", open_to, default=open_to[0], format_func=lambda each: ACTS[each][0], key="act-state",
                help="; ".join(f"{ACTS[each][0]}: {ACTS[each][1]}" for each in open_to),
            )  # fmt: skip
            note = st.text_input("Note", key="act-note", placeholder="why, for whoever reads the story", width=420)
            owner = st.text_input("Owner", key="act-owner", placeholder=found.owner or "nobody yet", width=200)
            submitted = st.form_submit_button("Save", type="primary", icon=":material/save:")
        if submitted:
            seen = st.session_state.get(seen_key, len(found.events))
            try:
                data.act(found.id, state or open_to[0], note=note or "", owner=owner or "", seen=seen)
            except LabError as error:
                parts.failed(error)
            else:
                st.session_state.pop(seen_key, None)
                for key in ("act-note", "act-owner", "act-state"):
                    st.session_state.pop(key, None)
                st.rerun()
    st.session_state[seen_key] = len(found.events)


# --- evidence ------------------------------------------------------------------------------------------------


def _picked(view: View) -> Confirmed:
    """Return the series whose evidence is shown: the worst, or the one in the link."""
    names = [f"{each.what} · {each.device} · {each.worse} worse" for each in view.lines]
    if len(names) == 1:
        return view.known.series[0]
    labels = {line.member.series.name: name for line, name in zip(view.lines, names, strict=True)}
    chosen = st.selectbox(
        "Series", list(labels), format_func=labels.__getitem__, key="series", bind="query-params"
    )
    return next(each for each in view.known.series if each.member.series.name == chosen)


def _history(view: View, each: Confirmed) -> None:
    st.subheader("History", anchor=False)
    series, change = each.member.series, each.member.change
    past = data.past_with(series)
    if past is None:
        st.info("No night of this data root has figures of this series.", icon=":material/inbox:")
        return
    usual, found = each.member.usual, view.incident
    points = by_nights(past, series)
    line = Line(
        plain(series.device),
        kind_of(points),
        past.dates,
        tuple(point.value for point in points),
        tuple(plain(point.build.name) if point.build else "" for point in points),
    )
    happened = [*context_events(past, [series]), *incident_events([found], [series])]
    option = history(
        [line],
        each.member.metric,
        marks=[(event.at, plain(event.words)) for event in happened if event.at in past.dates],
        level=(found.began, usual, usual * change.estimate) if found.began in past.dates else None,
        band=(usual * change.low, usual * change.high) if change.low and change.high else None,
    )
    parts.chart(option, alt=view.sentence, height=360)
    st.caption(
        "Dashed: the usual level before the step, and that level times the change that the pairs confirmed; "
        "shaded: the interval of this change. Dotted: what else happened."
    )


def _pairs(view: View, each: Confirmed) -> None:
    st.subheader("Confirming pairs", anchor=False)
    comparison, run = each.member.comparison, each.finding.run if each.finding else ""
    if each.missing:
        st.info(parts.said(capital(each.missing)), icon=":material/inbox:")
    else:
        good, bad = view.incident.good, view.incident.bad
        names = (f"r{good.revision} (good)", f"r{bad.revision} (bad)")
        metric = each.member.metric
        told = f"{worse(each.pairs, metric)} of {number_of(len(each.pairs), 'pair')} are worse with the bad build"
        parts.chart(
            pairs(each.pairs, metric, names, each.sensor),
            alt=f"{told}: {change_words(each.member.change, metric)}",
            height=height_of(each.sensor),
        )
        sensor = "" if each.sensor else " No temperature was recorded at the start of these trials."
        st.caption(f"{told}, in the order of their measuring.{sensor}")
    with st.container(horizontal=True):
        if comparison and each.comparison is not None:
            parts.link("compare", "The comparison", icon=":material/compare_arrows:", id=comparison)
            parts.link("run", "Run of the good build", icon=":material/timeline:", id=each.comparison.baseline_run)
            parts.link("run", "Run of the bad build", icon=":material/timeline:", id=each.comparison.candidate_run)
        if run:
            parts.link("run", "The night's run", icon=":material/bedtime:", id=run)


def _stages(each: Confirmed) -> None:
    st.subheader("Stages that moved", anchor=False)
    stages = each.finding.stages if each.finding else ()
    if not stages:
        st.caption("None is known to have moved beyond 3 %.")
        return
    parts.table(
        [_stage(stage, each) for stage in stages],
        alt=f"{number_of(len(stages), 'stage')} moved, most seconds first",
        key="stages",
    )


def _stage(stage: Stage, each: Confirmed) -> parts.Row:
    metric = METRICS.get(stage.metric)
    seconds = next((moved for moved in each.moved if moved.stage == stage.metric), None)
    return {
        "stage": metric.label if metric else stage.metric,
        "change": change_words(stage.change, metric or METRICS["null_s"]),
        "median": from_to(seconds.good_s, seconds.bad_s, metric) if seconds and metric else "unknown",
        "pairs": stage.change.n,
    }


def _reasons(view: View) -> None:
    st.subheader("Is it real?", anchor=False)
    sides = [side for side in SIDES if any(each.side == side for each in view.reasons)]
    for column, side in zip(st.columns(len(sides), gap="large"), sides, strict=True):
        label, icon = SIDES[side]
        column.markdown(f"{icon} **{label}**")
        column.markdown("\n".join(f"- {parts.said(each.words)}" for each in view.reasons if each.side == side))


def _series(view: View) -> None:
    st.subheader("Series", anchor=False)
    parts.table(
        [
            {
                "series": line.what,
                "device": line.device,
                "worse by": line.worse,
                "usual before": line.usual,
                "came back": line.back,
            }
            for line in view.lines
        ],
        alt=f"{len(view.lines)} series got worse; select one to see its pairs",
        key="members",
        to=("compare", "id", [line.member.comparison for line in view.lines]),
    )


def _story(found: Incident) -> None:
    st.subheader("Story", anchor=False)
    lines: Sequence[str] = [
        f"- {each.night} {parts.badge(each.state)} **{parts.text(each.who)}**: {parts.said(each.note)}"
        for each in found.events
    ]
    st.markdown("\n".join(lines))


def _commands(view: View) -> None:
    st.subheader("Find the cause", anchor=False)
    for each in view.offers:
        st.markdown(f"**{capital(each.what)}**: {parts.said(each.cost)}")
        st.code(parts.completed(each.command), language="bash", wrap_lines=True)


incident()
