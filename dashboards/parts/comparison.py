"""A comparison from its question to its commands, for the pages that show one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import data, parts
from dashboards.charts.verdict import Effect, ecdf, forest, forest_height, strips
from lab.errors import LabError
from lab.records import Comparison, Metric, Trial
from lab.report.verdict.document import verdict_rows
from lab.report.verdict.facts import again
from lab.report.verdict.listed import NONE, change_of
from lab.report.verdict.markdown import render_verdict_markdown
from lab.report.verdict.tables import figures_table
from lab.report.verdict.view import CellView, View
from lab.report.wording import kind_of, number_of, on_device, quantity
from lab.stats.sample import counted, value_of

APART = (
    "No verdict: these two runs were not measured in turn, so whatever changed between them, heat and load "
    "included, is in the ratio."
)


def judged(text: str) -> None:
    """Draw a saved comparison; of one whose runs are gone what its own record says."""
    try:
        found, trials = data.verdict(text)
    except LabError as error:
        parts.failed(error)
        _record(text)
        return
    _view(found, trials)


def _record(text: str) -> None:
    """Draw the verdicts that a comparison's own record holds, where there is such a record."""
    of = next((each for each in data.comparisons() if each.id.startswith(text)), None)
    if of is None:
        return
    st.markdown(f"Its own record still says, of {parts.text(of.scenario)} on {parts.text(of.device)}:")
    parts.table(_verdicts(of), alt="the verdicts of the record", key="record")


def _verdicts(of: Comparison) -> list[parts.Row]:
    return [
        {"cell": each.cell, "verdict": parts.signed(each.verdict), "change": change_of(each), "pairs": each.pairs,
         "why": each.why}
        for each in of.cells
    ]  # fmt: skip


def apart(base: str, new: str) -> None:
    """Draw two runs beside each other that no comparison measured in turn."""
    with st.container(horizontal=True):
        parts.link("run", f"Base: run {base[:13]}", icon=":material/science:", id=base)
        parts.link("run", f"New: run {new[:13]}", icon=":material/science:", id=new)
        parts.link("compare", "Swap them", icon=":material/swap_horiz:", base=new, new=base)
    pair = data.run(base), data.run(new)
    if pair[0].comparison and pair[0].comparison == pair[1].comparison:
        st.info("These two runs are the sides of one comparison, which has judged them.")
        judged(pair[0].comparison)
        return
    found, trials = data.beside(pair[0].id, pair[1].id)
    _view(found, trials)


def _view(found: View, trials: tuple[list[Trial], list[Trial]]) -> None:
    """Draw a comparison from its question to its commands."""
    of = found.comparison
    in_turn = bool(of.looks_most) or bool(of.differs)
    st.subheader(parts.said(found.question), anchor=False)
    st.caption(parts.said(on_device(found.baseline)))
    if not in_turn:
        st.warning(f"{APART} {parts.said(found.invalid[0])}", icon=":material/balance:")
    elif found.refusal:
        st.markdown(parts.badge("incomparable"))
        for line in found.refusal.splitlines():
            st.markdown(parts.said(line))
    elif found.stopped:
        st.markdown(parts.badge(NONE))
        for line in found.stopped.splitlines():
            st.markdown(parts.said(line))
    elif len(found.cells) > 1:
        st.markdown(f"**{parts.said(found.headline)}**")
    if not found.refusal:
        for each in () if found.stopped else found.cells:
            word = each.found.verdict if in_turn or each.found.verdict == "incomparable" else NONE
            st.markdown(f"{parts.badge(word)} {parts.said(each.sentence)}")
        if found.measured and kind_of(found.baseline) != "emulated":  # whose times are no measurements
            _pictures(found, trials, in_turn=in_turn)
            _figures(found)
    for words in found.beside:
        st.caption(parts.said(words))
    for words in found.invalid if in_turn else found.invalid[1:]:
        st.warning(parts.said(words), icon=":material/warning:")
    if found.facts:
        st.markdown("\n".join(f"- {parts.said(words)}" for words in found.facts))
    _differs(found)
    _runs(found)
    _take_away(found)
    _how()


def _pictures(found: View, trials: tuple[list[Trial], list[Trial]], *, in_turn: bool) -> None:
    """Draw the change of all cells, then the trials of one."""
    effects = [_effect(each, found.metric, in_turn=in_turn) for each in found.cells if each.found.change]
    if effects:
        parts.chart(
            forest(effects, found.metric),
            alt=" ".join(each.sentence for each in found.cells[:4]),
            height=forest_height(effects),
        )
    with_figures = [each for each in found.cells if each.baseline or each.candidate]
    names = [each.name or found.metric.label for each in with_figures]
    picked = names[0]
    if len(names) > 1:
        picked = str(st.selectbox("Trials of", names, key="cell", bind="query-params", width=320))
    each = with_figures[names.index(picked)]
    left, right = st.columns(2)
    with left:
        lost = [pair for side in (0, 1) for pair in _lost(trials[side], side, each, found.metric)]
        parts.chart(
            strips((each.baseline, each.candidate), found.names, found.metric, lost, joined=in_turn),
            alt=each.sentence,
            height=360,
        )
        if lost:
            st.caption(f"Crosses: {number_of(len(lost), 'trial')} that did not count.")
    with right:
        values = list(each.baseline.values()), list(each.candidate.values())
        parts.chart(ecdf(*values, found.names, found.metric), alt=each.sentence, height=360)
    with st.expander(f"Pairs ({len(each.ratios)})", icon=":material/join:"):
        parts.table(
            [
                {
                    "pair": block,
                    found.names[0]: quantity(each.baseline[block], found.metric.unit),
                    found.names[1]: quantity(each.candidate[block], found.metric.unit),
                    "ratio": ratio,
                }
                for block, ratio in each.ratios.items()
            ],
            alt=f"{number_of(len(each.ratios), 'pair')} of {found.metric.label}",
            key="pairs",
        )


def _effect(each: CellView, metric: Metric, *, in_turn: bool) -> Effect:
    change = each.found.change
    assert change is not None
    return Effect(
        each.name or metric.label,
        str(each.found.verdict) if in_turn else NONE,
        change.estimate,
        change.low,
        change.high,
        each.found.smallest_found,
    )


def _lost(trials: Sequence[Trial], side: int, each: CellView, metric: Metric) -> list[tuple[int, float]]:
    """Return the trials of a side that have a figure and do not count."""
    own = (trial for trial in trials if trial.cell == each.cells[side].key and trial.purpose == "time")
    values = (value_of(trial, metric.name) for trial in own if not counted(trial, metric.name))
    return [(side, value) for value in values if value is not None]


def _figures(found: View) -> None:
    """Draw the figures of both sides beside each other, each with its own interval."""
    figures = figures_table(found)
    heads = [head.text for head in figures.heads]
    parts.table(
        [dict(zip(heads, (_line(text) for text in row.texts), strict=True)) for row in figures.rows],
        alt=figures.title,
        key="figures",
    )
    st.caption(parts.said(f"{figures.title}. {figures.note.replace('Below each figure', 'Beside each figure')}"))


def _line(text: str) -> str:
    """Return a figure and the small print below it on one line."""
    figure, _, below = text.partition("\n")
    return f"{figure} ({below})" if below else figure


def _differs(found: View) -> None:
    """Draw the facts in which the contexts differ, and only these."""
    st.subheader("What differs in their contexts", anchor=False)
    facts = found.baseline.context.differs_from(found.candidate.context)
    if found.baseline.device != found.candidate.device:
        facts = {"device": (found.baseline.device, found.candidate.device), **facts}
    if not facts:
        st.markdown("Nothing: every fact of the two contexts agrees.")
        return
    base, new = found.names
    parts.table(
        [{"fact": name, f"{base} (base)": ours, f"{new} (new)": theirs} for name, (ours, theirs) in facts.items()],
        alt=f"{number_of(len(facts), 'fact')} of the two contexts that differ",
        key="differs",
    )


def _runs(found: View) -> None:
    """Draw when each side was measured, with the way to its run."""
    of = found.comparison
    if of.looks_most:
        asked = "by a self-check" if of.id in data.checking() else "by a night" if of.night else "by hand"
        st.caption(parts.text(f"Measured {of.started_utc} to {of.ended_utc or 'now'}, {asked}; {of.status}."))
    with st.container(horizontal=True):
        for name, run in zip(found.names, (found.baseline, found.candidate), strict=True):
            parts.link("run", f"Run of {name}, {run.started_utc[:16].replace('T', ' ')}",
                       icon=":material/science:", id=run.id)  # fmt: skip


def _take_away(found: View) -> None:
    of = found.comparison
    command = again(of, found.baseline, found.candidate)
    lines = [command, f"{command} --all-pairs"]
    if of.looks_most:
        lines = [f"lab show {of.id[:13]}", *lines]
        lines += [f"lab compare --resume {of.id[:13]}"] if of.status != "finished" else []
    parts.commands(*lines)
    if of.looks_most and (rows := verdict_rows(found)):
        with st.expander("Verdicts for programs", icon=":material/table:"):
            parts.table(rows, alt=found.headline, key="verdicts_table")
    with st.expander("Markdown", icon=":material/content_copy:"):
        st.code(render_verdict_markdown(found), language="markdown", wrap_lines=True)


def _how() -> None:
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(
            "Both sides are measured in turn, pair by pair, on one device. The diamond is the change of the "
            "pairs, the bar its interval, which allows for every look at the results. It is called a change if "
            "the whole interval lies on one side of zero and the diamond beyond the dashed lines; *same* if the "
            "whole interval lies in the shaded zone; anything else is *cannot tell*. The grey bar is the "
            "smallest change that nine of ten such comparisons find at this spread: what is smaller may be "
            "there unseen. In the strips a line joins the two trials of a pair: lines that mostly fall or rise "
            "are the evidence. In the staircase the side further left has the smaller figures. Two runs that "
            "were not measured in turn have a ratio but no interval and no verdict."
        )
