"""Pages as AppTest runs them: in this process, with no browser."""

from __future__ import annotations

import os
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.lab_process import ROOT

APP = ROOT / "dashboards" / "app.py"

VIEWS = ("morning", "incidents", "scenarios", "explore", "compare", "devices", "quality", "incident", "run")
"""Every page."""


def shown(data: Path, view: str = "morning", **query: str) -> AppTest:
    """Return a page of a data root, run once; the data root is this process's from now on."""
    os.environ["POCKETLAB_DATA"] = str(data)  # set back by the fixture `own_root`
    at = AppTest.from_file(str(APP), default_timeout=60)
    if view != "morning":
        at.run()
        at.switch_page(f"views/{view}.py")
        at.query_params.clear()
    at.query_params.update(query)
    return at.run()


def words(at: AppTest) -> str:
    """Return all text of a page: headings, Markdown, alerts, captions, code, and the figures of tiles."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success", "code")
    found = [each.value for kind in kinds for each in getattr(at, kind)]
    return "\n".join([*found, *(f"{each.label}: {each.value}" for each in at.metric)])
