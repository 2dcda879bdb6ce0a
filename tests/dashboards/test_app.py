"""Every page opens with whatever lies in its data root."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.dashboard_store import fill
from dashboards.charts.style import MOST_POINTS
from lab.store import Store
from tests.dashboards.pages import VIEWS, shown, words
from tests.saved_runs import run_of, trial_of


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_without_results_says_what_makes_some(tmp_path: Path, view: str) -> None:
    """An empty data root is an ordinary state of every page."""
    (tmp_path / "data").mkdir()
    at = shown(tmp_path / "data", view)

    assert not at.exception
    assert at.info or at.error
    assert "`" in words(at) or at.code


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_of_a_missing_data_root_names_it(tmp_path: Path, view: str) -> None:
    """Reading makes no folder, and the message says which one was wanted."""
    at = shown(tmp_path / "gone", view)

    assert not at.exception
    assert "gone: wanted a folder of results, found none" in at.error[0].value.replace("\\", "")
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_of_the_rack_opens(rack: Path, view: str) -> None:
    """A normal store: every page draws, and says that its figures are a demonstration's."""
    at = shown(rack, view)

    assert not at.exception
    assert "Demonstration: no figure here says anything about a product" in at.warning[0].value


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root of a large rack: 50 devices, 30 scenarios, a few nights."""
    root = tmp_path_factory.mktemp("large") / "data"
    fill(root, nights=4, samples=20)
    return root


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_of_a_large_rack_draws_few_points(large: Path, view: str) -> None:
    """No chart receives more than 2,000 points, whatever there is to draw."""
    at = shown(large, view)

    assert not at.exception
    assert all(points(each.proto.spec) <= MOST_POINTS for each in at.get("echarts_chart"))


def points(spec: str) -> int:
    """Return how many points an option holds in its series."""
    return sum(len(each.get("data", ())) for each in json.loads(spec)["series"])


@pytest.fixture(scope="module")
def broken(rack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rack after a disk lost data: an index that is none, and the newest record of each kind cut in half."""
    root = tmp_path_factory.mktemp("broken") / "data"
    shutil.copytree(rack, root)
    for path in root.glob("index.sqlite*"):
        path.write_bytes(b"no database" * 500)
    for newest in (
        max((root / "nights").iterdir()) / "night.json",
        max((root / "incidents").iterdir()),
        max((root / "comparisons").iterdir()),
        max((root / "runs").iterdir()) / "run.json",
    ):
        newest.write_bytes(newest.read_bytes()[:-200])
    return root


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_of_a_broken_store_opens(broken: Path, view: str) -> None:
    """What is damaged is named or left out; the rest is shown."""
    assert not shown(broken, view).exception


def test_a_record_of_a_newer_lab_is_named(rack: Path, tmp_path: Path) -> None:
    """A night that this version cannot read says so, and names its file."""
    root = tmp_path / "data"
    shutil.copytree(rack, root)
    path = max((root / "nights").iterdir()) / "night.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | {"format": 99}), encoding="utf-8")
    (root / "index.sqlite").unlink()
    at = shown(root)

    assert not at.exception
    assert "night.json" in at.error[0].value.replace("\\", "")


def test_an_index_that_another_process_holds_is_no_obstacle(rack: Path, tmp_path: Path) -> None:
    """The lists come from the files while somebody else keeps the database locked."""
    root = tmp_path / "data"
    shutil.copytree(rack, root)
    with closing(sqlite3.connect(root / "index.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")
        at = shown(root)

    assert not at.exception
    assert at.metric[-1].value == "48"


def test_a_run_in_progress_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    """A run whose trials are still being measured opens on every page."""
    store = Store(tmp_path / "data")
    run = replace(run_of(), status="running", ended_utc=None)
    store.create_run(run)
    store.save_trial(run.id, trial_of(1))

    for view in VIEWS:
        assert not shown(store.root, view).exception, view
