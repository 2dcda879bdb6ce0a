"""Run: what exactly happened?"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import streamlit as st

from dashboards import data, parts
from dashboards.charts.strips import drawn, height_of, picked_key, strips
from dashboards.charts.trials import of_trials, time_axis
from dashboards.parts import trial
from lab.errors import LabError
from lab.records import Answer, Run
from lab.records.explanation import Explanation
from lab.report.answer.percentiles import percentiles_table
from lab.report.explain.trial import standing_words
from lab.report.wording import KINDS, kind_of, lasting, number_of
from lab.scenario.known import SCENARIOS

NEWEST = 500
"""How many runs the list shows at once: a judgement; its filters and its search reach further back."""

TABS = ("Trials", "Why they counted or not", "Percentiles", "Context")

STATUSES = ("running", "finished", "interrupted", "failed")


def run() -> None:
    """Draw the page."""
    wanted = st.query_params.get("id", "")
    if not wanted:
        _list()
        return
    found = data.run(wanted)
    _head(found)
    try:
        answer, _ = data.answer(found.id)
        explanation = data.explanation(found.id)
    except LabError as error:  # of its own copy of the scenario, say: what it is can be told nevertheless
        parts.failed(error)
        _context(found)
        return
    _answer(answer)
    if found.status == "running":
        _running(found)
    tabs = dict(zip(TABS, st.tabs(TABS, key="tab", bind="query-params", on_change="rerun"), strict=True))
    for name, draw in (
        ("Trials", partial(_trials, explanation)),
        ("Why they counted or not", partial(_explanation, explanation)),
        ("Percentiles", partial(_percentiles, found)),
        ("Context", partial(_context, found)),
    ):
        with tabs[name]:
            if tabs[name].open or name == "Trials":  # which keeps its trial in the link
                draw()


# --- the list --------------------------------------------------------------------------------------


def _list() -> None:
    groups = data.run_groups()
    if not groups:
        parts.empty("No run yet. Measure one:", "lab run vit_batch")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Search", key="q", bind="query-params", placeholder="id, scenario, build, device")
        wanted = {
            "scenario": _filter("Scenario", "scenario", sorted({each.scenario for each in groups})),
            "device": _filter("Device", "device", sorted({each.device for each in groups})),
            "status": _filter("Status", "status", STATUSES),
        }
    asked = tuple((name, value) for name, value in wanted.items() if value)
    searched = (text or "").casefold()
    rows = [
        row
        for row in data.run_rows(NEWEST, asked)
        if searched in f"{row.id} {row.scenario} {row.build_line} {row.build} {row.device}".casefold()
    ]
    if not rows:
        parts.empty("No run fits these filters.")
        return
    more = f"; only the newest {NEWEST} that the filters leave are looked at" if len(rows) == NEWEST else ""
    st.caption(f"{number_of(len(rows), 'run')}, newest first{more}. Select one to see what happened.")
    parts.table(
        [
            {
                "began (UTC)": row.started_utc[:19].replace("T", " "),
                "scenario": row.scenario,
                "device": row.device,
                "line": row.build_line,
                "build": row.build[:12],
                "status": parts.signed(row.status),
                "id": row.id,
            }
            for row in rows
        ],
        alt=f"{number_of(len(rows), 'run')}, newest first",
        key="runs",
        to=("run", "id", [row.id for row in rows]),
        height=min(600, 36 * (len(rows) + 1) + 3),
    )


def _filter(label: str, key: str, options: Sequence[str]) -> str | None:
    return st.selectbox(label, options, index=None, key=key, bind="query-params", placeholder="any", width=220)


# --- the head --------------------------------------------------------------------------------------


def _head(found: Run) -> None:
    kind = kind_of(found)
    st.markdown(
        f"**{parts.text(found.scenario)}** on **{parts.text(found.device)}**: "
        f"{parts.text(KINDS.get(kind, f'a device of kind {kind}'))} {parts.badge(found.status)}"
    )
    facts = [
        f"build {found.build_line} ({found.build[:12]})",
        f"began {found.started_utc[:19].replace('T', ' ')} UTC",
        *([f"took {_duration(found)}"] if found.ended_utc else []),
        *([f"suite {found.suite}"] if found.suite else []),
        f"run {found.id}",
    ]
    st.caption(parts.text(" · ".join(facts)))
    with st.container(horizontal=True):
        if found.comparison:
            parts.link("compare", "Its comparison", icon=":material/compare_arrows:", id=found.comparison)
        for night in data.nights() if found.night else []:
            if night.id == found.night:
                parts.link("morning", f"Its night, {night.date}", icon=":material/wb_twilight:", night=night.id)
        # a link from this page to itself leaves the URL as it is
        if st.button("Runs like this one", icon=":material/list:", type="tertiary"):
            query = {"scenario": found.scenario, "device": found.device}
            st.switch_page("views/run.py", query_params=query)
    _commands(found)


def _duration(found: Run) -> str:
    try:
        begun, ended = (datetime.fromisoformat(each) for each in (found.started_utc, found.ended_utc or ""))
        return lasting((ended - begun).total_seconds())
    except (ValueError, TypeError):  # no time, or one with a zone and one without
        return "an unknown time"


def _commands(found: Run) -> None:
    short = found.id[:13]
    trial = st.query_params.get("trial", "")
    of_trial = f" --trial {trial}" if trial.isdecimal() else ""
    lines = [
        *_again(found),
        *_resume(found),
        f"lab show {short}",
        f"lab explain {short}{of_trial}",
        f"lab trace {short}{of_trial}",
        f"lab bundle {short}",
    ]
    parts.commands(*lines)


def _again(found: Run) -> list[str]:
    """Return the command that measures the same again, where one does."""
    if found.comparison:
        return []
    if found.scenario not in {path.stem for path in SCENARIOS.glob("*.toml")} or kind_of(found) == "simulated":
        return []
    words = ["lab", "run", found.scenario, "--build", found.build[:12], "--device", found.device]
    words += ["--suite", found.suite] if found.suite in ("quick", "full", "once") else []
    return [shlex.join([*words, *(["--memory"] if found.memory else [])])]


def _resume(found: Run) -> list[str]:
    """Return the command that measures what a run lacks."""
    if found.status == "finished":
        return []
    if found.comparison:
        return [f"lab compare --resume {found.comparison[:13]}"]
    return [f"lab run --resume {found.id[:13]}"]


def _answer(found: Answer) -> None:
    st.subheader(parts.said(found.sentence), anchor=False)
    if found.warnings:
        st.warning("\n".join(f"- {parts.said(each)}" for each in found.warnings), icon=":material/warning:")


def _running(found: Run) -> None:
    st.info(
        "This run is still being measured: below is what there is by now, and the page follows it.",
        icon=":material/autorenew:",
    )
    st.button("Look again", icon=":material/refresh:")
    _follow(data.version())


@st.fragment(run_every=5.0)
def _follow(seen: str) -> None:
    """Draw the page again once anything was saved."""
    if data.version() != seen:
        st.rerun()


# --- its trials ------------------------------------------------------------------------------------


def _trials(found: Explanation) -> None:
    if not found.lines:
        running = found.run.status == "running"
        parts.empty("No trial yet." if running else "This run has no trial.", *_resume(found.run))
        return
    st.caption(parts.text(found.summary))
    chart = drawn(of_trials(found))
    if chart:
        picked = parts.chosen(
            strips(chart, axis=time_axis(found)[1]),
            alt=found.summary,
            key=f"strips {found.run.id}",
            height=height_of(chart),
        )
        trial.turn_to(f"strips {found.run.id}", picked_key(chart, picked))
        st.caption(
            "Filled: counts; ring: invalid, never settled or at the gate; triangle on the edge: no figure. Axes "
            "need not start at zero. Select a trial here or in the table."
        )
    key = f"trials {found.run.id}"
    columns, rows = trial.rows_of(found)
    event = st.dataframe(
        {name: [row[name] for row in rows] for name in rows[0]},
        key=key,
        hide_index=True,
        column_config=columns,
        on_select="rerun",
        selection_mode="single-row",
        alt=found.summary,
        height=min(400, 36 * (len(rows) + 1) + 3),
    )
    places = [at for at in event["selection"]["rows"] if at < len(found.lines)]
    trial.turn_to(key, found.lines[places[0]].number if places else None)
    trial.one_trial(found)


# --- what was found --------------------------------------------------------------------------------


def _explanation(found: Explanation) -> None:
    for words in found.common:
        st.markdown(f"- {parts.said(words)}")
    for group in found.groups:
        st.markdown(f"{'✓' if group.good else '×'} **{parts.said(group.heading)}**")
        for line in group.examples:
            remarks = "; ".join(filter(None, (line.detail or line.state, *line.remarks)))
            st.markdown(f"- {parts.said(f'trial {line.number} ({line.cell or standing_words(line)}): {remarks}')}")
    for title, lines in found.sections:
        with st.expander(parts.text(title)):
            for words in lines:
                st.markdown(f"- {parts.said(words)}")
    st.markdown("**What to do next**")
    st.markdown("\n".join(f"{place}. {parts.said(step)}" for place, step in enumerate(found.advice, start=1)))


def _percentiles(found: Run) -> None:
    rows = data.percentiles(found.id)
    if not rows:
        st.markdown("No trial counts, so there are none.")
        return
    drawn_table = percentiles_table(rows)
    heads = [head.text for head in drawn_table.heads]
    parts.table(
        [dict(zip(heads, row.texts, strict=True)) for row in drawn_table.rows],
        alt="percentiles of iterations and of the times between tokens",
        key="percentiles-table",
    )
    emulated = "Emulated, not a measurement. " if kind_of(found) == "emulated" else ""
    st.caption(f"{emulated}{parts.text(drawn_table.note)}")


def _context(found: Run) -> None:
    facts = found.context.facts
    st.caption(f"{number_of(len(facts), 'fact')} that must agree before this run is compared with another one.")
    parts.table(
        [{"fact": name, "value": value} for name, value in sorted(facts.items())],
        alt="the context of this run",
        key="context",
    )
    with st.expander("The scenario as this run measured it"):
        st.code(found.scenario_toml, language="toml")


run()
