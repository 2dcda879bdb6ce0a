"""Every page opens with whatever lies in its data root."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboards.pages import VIEWS, shown, words


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
