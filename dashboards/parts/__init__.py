"""What several pages are made of: heads and feet, tables that lead somewhere, charts with words, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from dashboards import data
from lab.errors import LabError
from lab.records import Series
from lab.report.signs import SIGNS
from lab.report.wording import escape, plain

Lead = TypeVar("Lead")

Row = Mapping[str, Any]
"""A row of a table: head -> value."""

TONES: Mapping[str, str] = {
    "regressed": "red",
    "slower": "red",
    "new": "red",
    "back": "red",
    "suspected": "orange",
    "cannot tell": "orange",
    "not reproduced": "orange",
    "not the build": "orange",
    "trend": "orange",
    "acknowledged": "orange",
    "not measured": "violet",
    "incomparable": "violet",
    "improved": "green",
    "faster": "green",
    "fixed": "green",
    "quarantined": "red",
    "silent": "violet",
    "failing": "orange",
    "partly measured": "orange",
    "measured": "green",
    "in use": "blue",
}
"""Outcome, verdict, state or condition -> Streamlit's name of its colour; grey for any other."""


def head(title: str) -> None:
    """Draw what stands above every page."""
    st.html("<style>.stMainBlockContainer { padding-top: 3.5rem; padding-bottom: 2rem; }</style>")
    st.header(title, anchor=False)


def mark(words: str) -> None:
    """Draw what must be read with every figure, if there is something."""
    if words:
        st.warning(words, icon=":material/science:")


def foot(root: Path) -> None:
    """Draw what stands below every page: where the figures come from."""
    st.caption(f"Data root: {text(str(root))}")


def failed(error: LabError) -> None:
    """Say what is wrong with a store or a link, and what helps."""
    st.error(said(str(error)), icon=":material/error:")


def empty(words: str, *commands: str) -> None:
    """Say that there is nothing to show, and which commands make it."""
    st.info(words, icon=":material/inbox:")
    for command in commands:
        st.code(completed(command), language="bash")


def text(found: str) -> str:
    """Return text that Streamlit's Markdown shows as it is, on one line: no markup, link, emoji or directive.

    An invisible word joiner parts what Markdown would take for an emoji or a link even when it is escaped.
    """
    return re.sub(r"(?::(?=[\w+-]+:|//)|www(?=\.))", "\\g<0>\N{WORD JOINER}", escape(found))


def said(found: str) -> str:
    """Return a sentence of the lab's as Markdown: escaped, with the commands in it set as code."""
    pieces = re.split(r"`([^`]+)`", plain(found))
    return "".join(f"``{each}``" if place % 2 else text(each) for place, each in enumerate(pieces))


def badge(word: str) -> str:
    """Return an outcome, verdict or state as Markdown: its sign, its word, its colour."""
    return f":{TONES.get(word, 'gray')}-badge[{SIGNS.get(word, '·')} {text(word)}]"


def signed(word: str) -> str:
    """Return an outcome, verdict or state with its sign, for a cell of a table."""
    return f"{SIGNS.get(word, '·')} {word}"


def commands(*lines: str, label: str = "Commands") -> None:
    """Offer commands to copy, one below the other, each with the data root that these pages show."""
    with st.expander(label, icon=":material/terminal:"):
        for line in lines:
            st.code(completed(line), language="bash", wrap_lines=True)


def completed(line: str) -> str:
    """Return a command to copy: one of the lab's names the data root that these pages show."""
    shown = plain(line)
    if not shown.startswith("lab ") or " --data " in shown:
        return shown
    return f"{shown} --data {shlex.quote(str(data.root()))}"


def table(
    rows: Sequence[Row],
    *,
    alt: str,
    key: str,
    to: tuple[str, str, Sequence[str | Mapping[str, str]]] | None = None,
    columns: Mapping[str, Any] | None = None,
    height: int | None = None,
) -> None:
    """Draw rows as a table that sorts, searches and downloads; a row leads somewhere if `to` says where.

    `to` is a page of views/, the parameter of its link, and its value for each row (empty: it leads nowhere).
    A row that sets several parameters has them as a mapping.
    `columns` are Streamlit's column configurations.
    """
    shown: dict[str, Any] = {
        "data": {name: [row[name] for row in rows] for name in rows[0]} if rows else {},
        "alt": alt,
        "key": key,
        "hide_index": True,
        "column_config": columns,
        "height": height or "auto",
        "placeholder": "–",
    }
    if to is None:
        st.dataframe(**shown)
        return
    page, parameter, values = to
    values = drawn(key, values)
    picked = st.dataframe(**shown, on_select="rerun", selection_mode="single-row")
    chosen = [values[at] for at in picked["selection"]["rows"] if at < len(values)]
    if chosen and (value := chosen[0]):
        query = {parameter: value} if isinstance(value, str) else dict(value)
        st.switch_page(f"views/{page}.py", query_params=query)


def drawn(key: str, leads: Sequence[Lead]) -> Sequence[Lead]:
    """Return what the widget `key` led to when it was last drawn, which is what a selection in it is a place of.

    What it leads to now is remembered for the next time.
    """
    before: Sequence[Lead] = st.session_state.get(f"{key} leads", leads)
    st.session_state[f"{key} leads"] = list(leads)
    return before


def link(page: str, label: str, *, icon: str | None = None, **query: str) -> None:
    """Draw a link to a page of views/, with what it shall show."""
    st.page_link(f"views/{page}.py", label=text(label), icon=icon, query_params=query)


def explored(series: Series) -> dict[str, str]:
    """Return the parameters by which Explore shows a series alone."""
    return {
        "scenario": series.scenario,
        "cells": series.cell,
        "metrics": series.metric,
        "lines": series.line,
        "devices": series.device,
    }


def chart(option: Mapping[str, Any], *, alt: str, height: int = 320, key: str | None = None) -> None:
    """Draw a chart; `alt` is its sentence for who does not see it."""
    st.echarts_chart(dict(option), alt=plain(alt), height=height, key=key)


def chosen(option: Mapping[str, Any], *, alt: str, key: str, height: int = 320) -> list[tuple[int, int]]:
    """Draw a chart whose points can be selected, and return the selected ones: (series, place in its data).

    The series that can be selected have a `selectedMode`.
    """
    event = st.echarts_chart(dict(option), alt=plain(alt), height=height, key=key, on_select="rerun")
    groups = event["selection"]["selected"]
    return [(group["series_index"], at) for group in groups for at in group["data_indices"]]
