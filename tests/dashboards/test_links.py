"""Deep links and page switches against the real server, by Streamlit's own interface for tests."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.store import Store
from tests.dashboards.conftest import server
from tests.dashboards.pages import VIEWS


@pytest.fixture(scope="module")
def spoken(rack: Path) -> Iterator[str]:
    """The address of a server that takes JSON in place of a browser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMLIT_SERVER_ENABLE_AGENT_API", "true")
        with server(rack) as address:
            yield address


def told(address: str, **request: object) -> dict[str, Any]:
    """Return the page that the server draws for a request."""
    body = json.dumps(request).encode()
    head = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{address}/_stcore/agent/interact", body, head)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_every_page_opens_by_its_link(spoken: str, rack: Path) -> None:
    """A session that begins with a link sees that page, with no exception in it."""
    store = Store(rack)
    records = {
        "incident": store.incidents()[0].id,
        "run": store.runs(1)[0].id,
        "compare": store.comparisons(1)[0].id,
    }
    for view in VIEWS:
        page = "" if view == "morning" else view
        found = told(spoken, page=page, query_params={"id": [records[view]]} if view in records else {})

        assert found["status"] == "ready", view
        assert '"exception"' not in json.dumps(found["tree"]), view
        title = "Runs" if view == "run" else view.capitalize()
        assert f'"{title}"' in json.dumps(found["tree"]), view


def test_a_session_turns_to_another_page_and_back(spoken: str) -> None:
    """The menu's pages share a session, and each shows what its link says."""
    first = told(spoken)
    there = told(spoken, session_id=first["session_id"], page="explore", query_params={"scenario": ["decode"]})
    back = told(spoken, session_id=first["session_id"], page="")

    assert "series that fit" in json.dumps(there["tree"])
    assert "Can the night be trusted?" in json.dumps(back["tree"])


def test_a_link_to_a_record_that_is_not_there_says_so(spoken: str) -> None:
    """The message is the library's, and names what there is."""
    for view in ("incident", "run", "compare"):
        found = told(spoken, page=view, query_params={"id": ["01990000-0000"]})

        assert found["status"] == "ready", view
        assert "has an id that begins" in json.dumps(found["tree"]), view
