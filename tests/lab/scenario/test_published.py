"""Published figures with their sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.records import Published
from lab.scenario.published import published
from tests.lab.scenario.scenario_files import write


def test_published_figures_keep_source_and_kind(tmp_path: Path) -> None:
    """A figure without a source, or of a kind we do not know, is refused."""
    figure = '[[figure]]\nscenario = "x"\nmetric = "encode_s"\nvalue = 1.9\nkind = "published"\n'
    path = write(tmp_path, figure + 'source = "a paper"\nparameters = {patches_per_batch = 4}\n')

    assert published(path) == (
        Published("x", "encode_s", {"patches_per_batch": 4}, 1.9, "published", "a paper", ""),
    )
    with pytest.raises(ScenarioError, match=r"'figure\.0\.source' is missing"):
        published(write(tmp_path, figure))
    with pytest.raises(ScenarioError, match=r"'figure\.0\.kind': wanted 'published', 'derived' or 'third_party'"):
        published(write(tmp_path, figure.replace('"published"', '"heard"') + 'source = "a paper"\n'))
