"""The files of one trial on the page Run: what its agent printed, raw files, and a trace for Perfetto."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from dashboards import data
from lab.records.explanation import Explanation, Line
from lab.report.wording import plain
from lab.store.attached import MOST_BYTES
from lab.trial.folder import STDERR, STDOUT

TRACE_BYTES = 32 << 20
"""Up to this size of its events a trial becomes one trace; of a larger one only the iteration that is shown."""

LINE_BYTES = 256 << 10
"""Up to this size the raw line of a trial is shown on the page: a judgement; a larger one is downloaded."""


def trial_files(found: Explanation, line: Line) -> None:
    """Draw what the agent printed, raw files and a trace to download, and the trial as it was saved."""
    run_id, number = found.run.id, line.number
    files = data.files(run_id, number)
    sizes = {each.name: each.bytes for each in files}
    for name in (STDERR, STDOUT):
        if sizes.get(name):
            with st.expander(f"The end of {name}", expanded=name == STDERR and line.standing == "invalid"):
                st.code(plain(data.file_tail(run_id, number, name)), language=None, wrap_lines=True)
    st.markdown("**Raw files**")
    with st.container(horizontal=True):
        for each in files:
            st.download_button(
                f"{each.name} ({_size(each.bytes)})",
                partial(data.file, run_id, number, each.name),
                file_name=f"{run_id[:13]}-{number}-{each.name}",
                mime="application/octet-stream",
                on_click="ignore",
                disabled=not 0 < each.bytes <= MOST_BYTES,
                key=f"file {number} {each.name}",
            )
        _trace(run_id, number, sizes)
    if 0 < sizes.get("trial.json", 0) <= LINE_BYTES:
        with st.expander("The trial as it was saved (trial.json)"):
            st.code(data.file(run_id, number, "trial.json").decode(errors="replace"), language="json")


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1024 else f"{count / 1024:,.0f} KiB"


def _trace(run_id: str, number: int, sizes: Mapping[str, int]) -> None:
    size = sizes.get("events.jsonl", 0)
    if not size:
        return
    chosen = st.session_state.get("iteration")
    one = int(chosen) if size > TRACE_BYTES and chosen is not None else None
    st.download_button(
        "Trace for ui.perfetto.dev" + (f", iteration {one}" if one is not None else ""),
        partial(data.trace, run_id, number, one),
        file_name=f"trace-{run_id[:13]}-{number}.json",
        mime="application/json",
        on_click="ignore",
        icon=":material/timeline:",
        key=f"trace {number}",
    )
