"""The list of builds, from their lines' files alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.store.lines import builds
from lab.store.shelf import read_line

ENTRY = {
    "revision": 1,
    "id": "b" * 64,
    "model": "nano",
    "recipe": "paper",
    "added_utc": "2026-01-01T00:00:00.000Z",
}


@pytest.mark.parametrize(
    "change",
    [
        {"revision": "1"},
        {"revision": True},
        {"id": None},
        {"model": 1.5},
        {"recipe": []},
        {"added_utc": {}},
        {"model": "x" * 100_000},
        {"surplus": 1, "id": 2},
    ],
)
def test_a_line_with_a_field_of_another_kind_hides_no_other(
    tmp_path: Path, change: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out and named."""
    (tmp_path / "lines").mkdir()
    for name, entry in (("good", ENTRY), ("bad", ENTRY | change)):
        document = {"format": 1, "line": name, "baseline": None, "builds": [entry]}
        (tmp_path / "lines" / f"{name}.json").write_text(json.dumps(document))

    assert [(row.line, row.model, row.baseline) for row in builds(tmp_path)] == [("good", "nano", False)]
    (warning,) = caplog.messages
    assert "bad.json: damaged, not a line: " in warning and len(warning) < 400


def test_a_file_that_names_another_line_is_not_that_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its next change would be written where it says: ``../../x``."""
    (tmp_path / "lines").mkdir()
    document = {"format": 1, "line": "../../x", "baseline": None, "builds": [ENTRY]}
    (tmp_path / "lines" / "bad.json").write_text(json.dumps(document))

    assert builds(tmp_path) == []
    assert "bad.json: damaged, not a line: says that it is line ../../x" in caplog.text
    with pytest.raises(StoreError, match=r"bad\.json: says that it is line \.\./\.\./x"):
        read_line(tmp_path, "bad")
