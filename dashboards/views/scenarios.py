"""Scenarios: the paper's questions, for any device and build."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

import streamlit as st

from dashboards import data, parts
from dashboards.charts import pipeline, sustained, sweep
from dashboards.charts.style import scaled
from lab.records import Answer, Trial
from lab.report.answer.ends import end_to_end
from lab.report.answer.markdown import render_markdown
from lab.report.answer.standing import standing_of
from lab.report.answer.tables import curve_table, published_table
from lab.report.answer.wait import wait_share_sentence
from lab.report.pipeline import overlap_sentence
from lab.report.table import Table
from lab.report.wording import (
    PUBLISHED,
    against,
    behind,
    capital,
    cell_phrase,
    cell_short,
    interval_head,
    kind_of,
    on_device,
    origin,
    percent,
    varying,
)

ORDER = (
    "vit_batch",
    "prefill_tokens",
    "pipeline_overlap",
    "throughput",
    "first_token",
    "decode",
    "sustained",
    "load",
)
"""The paper's questions, in the order in which the picker offers them; others follow."""

MOST_RUNS = 500
"""Most runs that the picker offers: more than a year of nights. A judgement."""

SPEED = ("decode_tokens_per_s", "prefill_tokens_per_s")
"""The speed that stands under a sweep of prefill times: that of the output if the run has it."""


def scenarios() -> None:
    """Draw the page."""
    groups = data.run_groups()
    if not groups:
        parts.empty("No run yet. Ask one of the paper's questions:", "lab run vit_batch", "lab run --suite quick")
        return
    run_id = _picked(groups)
    answer, trials = data.answer(run_id)
    _answer(answer, trials)
    if kind_of(answer.run) == "emulated":
        _counts(answer)
    else:
        _picture(answer, trials)
        _table(answer)
        _beside(answer)
    _again(answer)


def _picked(groups: Sequence[data.RunGroup]) -> str:
    """Draw the pickers, and return the id of the run that they lead to."""
    asked = "" if {"run", "picked"} & set(st.session_state) else st.query_params.get("run", "")
    with st.container(horizontal=True):
        names = sorted(
            {each.scenario for each in groups}, key=lambda name: (name not in ORDER, _place(name), name)
        )
        scenario = st.selectbox(
            "Question", names, key="scenario", bind="query-params", width=220, on_change=_newest
        )
        groups = [each for each in groups if each.scenario == scenario]
        device = _pick("Device", groups, lambda each: each.device, "device")
        groups = [each for each in groups if each.device == device]
        line = _pick("Builds of line", groups, lambda each: each.build_line, "line")
        same = (("scenario", str(scenario)), ("device", device), ("build_line", line))
        rows = _named(data.run_rows(MOST_RUNS, same))
        own = data.newest_own(str(scenario), device, line)
        wanted = own.id if own else next((each.id for each in rows.values() if each.status == "finished"), "")
        first = next((at for at, each in enumerate(rows.values()) if each.id == wanted), 0)
        run = st.selectbox("Run", list(rows), index=first, key="run", bind="query-params", width=360)
    if asked and asked not in rows:
        st.warning(
            f"No run {parts.text(asked)} of this question, device and line: below is the default, "
            f"{parts.text(str(run))}.",
            icon=":material/warning:",
        )
    return rows[str(run)].id


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else 0


def _pick(label: str, groups: Sequence[data.RunGroup], of: Callable[[data.RunGroup], str], key: str) -> str:
    """Draw a picker that begins at the newest finished run of its own, else at the newest: ids sort by time."""
    names = sorted({of(each) for each in groups})
    own = {each: row.id for each in groups if each.finished and (row := data.newest_own(*each.same))}
    newest = max(groups, key=lambda each: (own.get(each, ""), each.finished, each.newest))
    return str(
        st.selectbox(
            label, names, index=names.index(of(newest)), key=key, bind="query-params", width=220, on_change=_newest
        )
    )


def _named(rows: Sequence[data.RunRow]) -> dict[str, data.RunRow]:
    """Return the runs by their names in the picker, which are in the link: nothing that changes is in them."""
    cut = 13 if len({each.id[:13] for each in rows}) == len(rows) else None
    sides = data.sides_among(tuple(each.id for each in rows))
    names = (f"{each.started_utc[:16].replace('T', ' ')} {each.id[:cut]}" for each in rows)
    return {f"{name} {sides.get(each.id, '')}".strip(): each for name, each in zip(names, rows, strict=True)}


def _newest() -> None:
    """Begin at the newest run of what was picked: the one before is none of its."""
    st.session_state.pop("run", None)
    st.session_state["picked"] = True  # the link says it no more, once the page is drawn


def _answer(answer: Answer, trials: Sequence[Trial]) -> None:
    st.subheader(parts.said(answer.question), anchor=False)
    st.markdown(f"**{parts.said(answer.sentence)}**")
    if wait := wait_share_sentence(answer.run, trials):
        st.markdown(parts.said(wait))
    st.caption(f"On {parts.text(on_device(answer.run))}.")
    if answer.warnings:
        lines = [parts.said(each) for each in answer.warnings]
        st.warning(
            "\n".join(f"- {each}" for each in lines) if len(lines) > 1 else lines[0], icon=":material/warning:"
        )


def _picture(answer: Answer, trials: Sequence[Trial]) -> None:
    if answer.curves:
        if option := sustained.sustained(answer.curves, kind_of(answer.run)):
            parts.chart(option, alt=answer.sentence, height=sustained.HEIGHT)
        return
    second = next(
        (each for each in SPEED if answer.metric.name == "prefill_s" and each in answer.other_metrics), ""
    )
    if option := sweep.sweep(answer, trials, second):
        parts.chart(option, alt=answer.sentence, height=sweep.height_of(answer, trials, second))
        st.caption(parts.said(sweep.note_of(answer)))
    else:
        st.info("No trial has a figure to draw.", icon=":material/inbox:")
    if second == "prefill_tokens_per_s":
        _output_speed(answer)
    _pipeline(answer)


def _output_speed(answer: Answer) -> None:
    """Say where the speed of the output is measured: a run that only prefills has none."""
    run = answer.run
    other = data.newest_own("throughput", run.device, run.build_line)
    if other is None:
        st.markdown("This run prefills and writes nothing. For the speed of the output, `lab run throughput`.")
        return
    found, _ = data.answer(other.id)
    which = f"of build {other.build_line} ({other.build[:8]}), {other.started_utc[:10]}"
    st.markdown(
        f"This run prefills and writes nothing. The newest run of throughput, {parts.text(which)}: "
        f"{parts.said(found.sentence)}"
    )
    query = {"scenario": "throughput", "device": run.device, "line": run.build_line}
    parts.link("scenarios", "Throughput", icon=":material/arrow_forward:", **query)


def _pipeline(answer: Answer) -> None:
    found, problems = data.pipelines(answer.run.id)
    if not found and not problems:
        return
    st.subheader("The pipeline on a time axis", anchor=False)
    cells, varied = {each.key: each for each in answer.run.cells}, varying(answer.run.cells)
    named = [(cell_phrase(cells[each.cell], varied), each) for each in found]
    words = " ".join(capital(overlap_sentence(each, name)) for name, each in named)
    if named:
        parts.chart(pipeline.pipeline(named), alt=words, height=pipeline.height_of(named))
        which = ", ".join(f"trial {each.trial} iteration {each.iteration}" for _, each in named)
        st.markdown(parts.said(words))
        st.caption(f"One typical iteration each, the one nearest to the median: {which}.")
    for problem in problems:
        st.warning(parts.said(f"{capital(problem)}."), icon=":material/warning:")


def _table(answer: Answer) -> None:
    metric, several = answer.metric, len(answer.run.cells) > 1
    factor, unit = scaled([each.interval.estimate for each in answer.summaries if each.interval], metric.unit)
    head = interval_head(each.interval for each in answer.summaries)
    names = varying(answer.run.cells)

    def here(value: float | None) -> float | None:
        return None if value is None else value * factor

    rows = []
    for each in answer.summaries:
        found = each.interval
        rows.append({
            "cell": cell_phrase(each.cell, names),
            f"{metric.label} ({unit})": here(found.estimate if found else None),
            f"{head}, from": here(found.low if found else None),
            "to": here(found.high if found else None),
            **({f"{behind(metric)} than the best": _against(answer, each.cell.key)} if several else {}),
            "valid": each.valid,
            "invalid": sum(each.invalid.values()),
            "never settled": each.unsteady,
            "CV of trials": "unknown" if each.trial_cv is None else percent(each.trial_cv),
            **({"standing": standing_of(answer, each)} if several else {}),
        })  # fmt: skip
    numbers = [f"{metric.label} ({unit})", f"{head}, from", "to"]
    st.subheader("Figures", anchor=False)
    for curve in answer.curves:
        parts.table(_rows(curve_table(curve)), alt=f"Trial {curve.trial} over time", key=f"curve{curve.trial}")
    parts.table(
        rows,
        alt=f"{answer.sentence} Select a row to open the run.",
        key="cells",
        to=("run", "id", [answer.run.id] * len(rows)),
        columns={name: st.column_config.NumberColumn(format="%.4g") for name in numbers},
    )


def _against(answer: Answer, cell: str) -> str:
    """Return by how much a cell is behind the one with the best estimate."""
    summary = next(each for each in answer.summaries if each.cell.key == cell)
    if cell == answer.leader:
        return "-"
    if summary.against_best is None:
        return "unknown"
    share, ends = against(summary.against_best, answer.metric)
    return f"{share} ({ends or 'none'})"


def _beside(answer: Answer) -> None:
    """Draw what the literature says, as it was published."""
    if ends := end_to_end(answer):
        st.subheader(ends.title, anchor=False)
        st.caption(f"{PUBLISHED}.")
        parts.table(_rows(ends), alt="Ours and published figures, never compared", key="ends")
    elif answer.published:
        st.subheader("Published figures", anchor=False)
        st.caption(f"{PUBLISHED}.")
        parts.table(
            [{**row, **_cut(row["source"])} for row in _rows(published_table(answer))],
            alt=PUBLISHED,
            key="published",
        )


def _rows(found: Table) -> list[parts.Row]:
    heads = [head.text for head in found.heads]
    return [dict(zip(heads, row.texts, strict=True)) for row in found.rows]


def _cut(source: str) -> parts.Row:
    """Return a source and its note, which a report prints below it."""
    name, _, note = source.partition("\n")
    return {"source": name, "note": note}


def _counts(answer: Answer) -> None:
    """Draw how many trials count, and none of their times: those of an emulated phone are no measurements."""
    names = varying(answer.run.cells)
    parts.table(
        [
            {"cell": cell_short(each.cell, names), "valid": each.valid, "invalid": sum(each.invalid.values())}
            for each in answer.summaries
        ],
        alt=answer.sentence,
        key="counts",
        to=("run", "id", [answer.run.id] * len(answer.summaries)),
    )


def _again(answer: Answer) -> None:
    run = answer.run
    parts.link("run", "Everything about this run", icon=":material/arrow_forward:", id=run.id)
    names = {name: shlex.quote(getattr(run, name)) for name in ("scenario", "build_line", "device")}
    parts.commands(
        f"lab run {names['scenario']} --build {names['build_line']} --device {names['device']}",
        f"lab show {run.id}",
        f"lab trace {run.id}",
        label="Measure it again, or look at it in a terminal",
    )
    with st.expander("Copy as Markdown", icon=":material/content_copy:"):
        st.code(render_markdown(answer), language="markdown", wrap_lines=True)
    st.caption(parts.text(origin(run)))


scenarios()
