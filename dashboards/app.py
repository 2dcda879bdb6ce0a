"""The dashboard: the names of its pages, and what every page has."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboards import data, parts
from lab.errors import LabError

PAGES = {
    "morning": ("Morning", ":material/wb_twilight:", "What broke last night, and can the night be trusted?"),
    "incidents": ("Incidents", ":material/report:", "What must be acted on, and whose is it?"),
    "scenarios": ("Scenarios", ":material/quiz:", "The paper's questions, for any device and build."),
    "explore": ("Explore", ":material/show_chart:", "Any series over builds and nights."),
    "run": ("Runs", ":material/timer:", "What exactly happened?"),
    "compare": ("Compare", ":material/compare_arrows:", "Build A or B? With its interval and its verdict."),
    "devices": ("Devices", ":material/smartphone:", "Which devices are healthy, and agree with each other?"),
    "quality": ("Quality", ":material/verified:", "How good is the lab itself?"),
}
"""The pages of the menu: file in views/ -> title, icon, question."""

DETAILS = {
    "incident": ("Incident", "Is it real, since when, which build, and what else moved?"),
}
"""Pages that are reached by a link: file in views/ -> title, question."""

st.set_page_config(page_title="pocketlab", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
pages = [
    st.Page(f"views/{name}.py", title=title, icon=icon, help=question, default=name == "morning")
    for name, (title, icon, question) in PAGES.items()
]
pages += [
    st.Page(f"views/{name}.py", title=title, help=question, visibility="hidden")
    for name, (title, question) in DETAILS.items()
]
page = st.navigation(pages, position="top")
parts.head(page.title)
try:
    parts.mark(data.mark())
    page.run()
except LabError as error:
    parts.failed(error)
parts.foot(data.root())
