"""Compare: build A or B, runtime, setting or device: with interval and verdict, or side by side without one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import data, parts
from dashboards.parts import comparison
from lab.records import CellVerdict, Comparison
from lab.report.verdict.listed import Listed, change_of, listed, worst_of
from lab.report.wording import number_of, percent
from lab.trial.metrics import METRICS


def compare() -> None:
    """Draw the comparison of the link, two runs side by side, or the list of comparisons."""
    asked = st.query_params.get("id", "")
    base, new = st.query_params.get("base", ""), st.query_params.get("new", "")
    if asked or (base and new):
        st.button("All comparisons", icon=":material/arrow_back:", on_click=_back)
    if asked:
        comparison.judged(asked)
    elif base and new:
        comparison.apart(base, new)
    else:
        _list(base or new)


def _back() -> None:
    for name in ("id", "base", "new"):
        st.query_params.pop(name, None)


def _list(one: str) -> None:
    """Draw the comparisons that fit the filters, newest first; a row leads to one."""
    if one:
        st.info(
            f"One run is chosen ({parts.text(one[:13])}): take a second one in Explore, at a point of a series.",
            icon=":material/looks_one:",
        )
    found = listed(data.comparisons(), data.checking())
    if not found:
        parts.empty(
            "No comparison yet. Measure two builds in turn, or look at those of a made-up rack:",
            "lab compare A B --scenario decode --device DEVICE",
            "make nightly-demo && make dashboard-demo",
        )
        return
    kept = _filtered(found)
    more = f"; only the newest {data.MOST_LISTED} are listed" if len(found) == data.MOST_LISTED else ""
    st.caption(f"{len(kept)} of {number_of(len(found), 'comparison')}{more}. Select one to open it.")
    if not kept:
        st.info("No comparison fits. Clear a filter or the search.", icon=":material/filter_alt_off:")
        return
    parts.table(
        [_row(each) for each in kept],
        alt=f"{number_of(len(kept), 'comparison')}, newest first; select one to see its evidence",
        key="comparisons",
        to=("compare", "id", [each.comparison.id for each in kept]),
        height=560 if len(kept) > 14 else None,
    )


def _filtered(found: Sequence[Listed]) -> list[Listed]:
    def options(name: str) -> list[str]:
        return sorted({str(getattr(each.comparison, name)) for each in found})

    with st.container(horizontal=True, vertical_alignment="bottom"):
        verdicts = st.multiselect(
            "Verdicts", sorted({each.verdict for each in found}), key="verdicts", bind="query-params",
            placeholder="all", width=190,
        )  # fmt: skip
        picked = {
            name: st.multiselect(
                label, options(name), key=f"of_{name}", bind="query-params", placeholder="all", width=170
            )
            for name, label in (("dimension", "What differs"), ("scenario", "Scenarios"), ("device", "Devices"))
        }
        asked = st.multiselect(
            "Asked by", sorted({each.asked_by for each in found}), key="asked", bind="query-params",
            placeholder="all", width=150,
        )  # fmt: skip
        words = st.text_input("Search", key="find", bind="query-params", placeholder="words", width=160) or ""
    return [
        each
        for each in found
        if (not verdicts or each.verdict in verdicts)
        and (not asked or each.asked_by in asked)
        and all(not wanted or getattr(each.comparison, name) in wanted for name, wanted in picked.items())
        and all(word in each.name for word in words.lower().split())
    ]


def _row(each: Listed) -> parts.Row:
    worst, of = worst_of(each.comparison), each.comparison
    return {
        "verdict": parts.signed(each.verdict),
        "change": f"{change_of(worst)} {_way(of, worst)}" if worst else "",
        "scenario": of.scenario,
        "cell": _cell(of, worst),
        "device": of.device,
        "differs": of.dimension,
        "pairs": worst.pairs if worst else 0,
        "could see": percent(worst.smallest_found) if worst and worst.smallest_found else "",
        "asked by": each.asked_by,
        "state": of.status,
        "when": of.started_utc[:16].replace("T", " "),
    }


def _way(of: Comparison, cell: CellVerdict) -> str:
    """Return which way the figure moved; empty for a metric that is not known, and without a change."""
    metric = METRICS.get(of.metric)
    if metric is None or cell.change is None or cell.change.estimate == 1:
        return ""
    return "worse" if (cell.change.estimate > 1) == (metric.better == "lower") else "better"


def _cell(of: Comparison, worst: CellVerdict | None) -> str:
    """Return the cell that the row is about, and of how many it is the worst."""
    if worst is None:
        return ""
    return worst.cell if len(of.cells) == 1 else f"{worst.cell}, worst of {number_of(len(of.cells), 'cell')}"


compare()
