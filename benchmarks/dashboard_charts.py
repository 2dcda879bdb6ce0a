"""A page of twenty charts: what the server does for a rerun with ECharts, against Altair.

Both draw the same lines of 1,000 points, in turn, in one process (Streamlit's own test runner: the script runs and
its messages are made; no browser draws).
"""

from __future__ import annotations

import logging
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks.pairs import a_over_b, told

PAIRS = 15
LEAST_RATIO = 3.0
"""Claim: a rerun with Altair takes at least so many times that of ECharts; the page's own part is in both."""


def run(build: Path) -> bool:
    """Time reruns of both in turn, print the ratio, and return whether the claim holds."""
    logging.getLogger("streamlit").setLevel(logging.ERROR)  # it warns that no browser is there
    pages = [AppTest.from_function(page, default_timeout=60) for page in (altair, echarts)]
    found = a_over_b(pages[0].run, pages[1].run, PAIRS)
    met = found.low is not None and found.low >= LEAST_RATIO
    print(
        f"20 charts of 1,000 points, a rerun with Altair over one with ECharts: {told(found)} "
        f"(claim: at least {LEAST_RATIO:g}: {'met' if met else 'NOT MET'})"
    )
    return met


def echarts() -> None:
    """A page of ECharts."""
    import numpy as np
    import pyarrow as pa
    import streamlit as st

    drawn = np.random.default_rng(0)
    for _ in range(20):
        source = pa.table({"at": np.arange(1000), "value": drawn.normal(size=1000)})
        axes = {"xAxis": {"type": "value"}, "yAxis": {"type": "value"}}
        st.echarts_chart({"dataset": {"source": source}, **axes, "series": [{"type": "line"}]})


def altair() -> None:
    """The same page by Altair."""
    import altair as alt
    import numpy as np
    import pandas as pd
    import streamlit as st

    drawn = np.random.default_rng(0)
    for _ in range(20):
        frame = pd.DataFrame({"at": np.arange(1000), "value": drawn.normal(size=1000)})
        st.altair_chart(alt.Chart(frame).mark_line().encode(x="at:Q", y="value:Q"))
