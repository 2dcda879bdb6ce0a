"""A seal shows what changed since a run ended, and says so when it is damaged itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.store import seal


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "damaged, not a seal: "),
        ("[]", "damaged, or of a newer lab: wanted format 1"),
        ('{"format":2,"files":{}}', "damaged, or of a newer lab: wanted format 1"),
        ('{"format":1,"files":{"run.json":7}}', "damaged, or of a newer lab: wanted format 1"),
    ],
)
def test_a_damaged_seal_is_named(tmp_path: Path, text: str, why: str) -> None:
    """With what to do."""
    (tmp_path / "seal.json").write_text(text)

    with pytest.raises(StoreError, match=rf"seal\.json: {why}.*restore it from a copy, or move it away"):
        seal.sums(tmp_path)


def test_what_was_sealed_is_found_changed(tmp_path: Path) -> None:
    """A file that is as it was is not."""
    path = tmp_path / "run.json"
    path.write_text("{}")
    seal.close(tmp_path)
    assert (list(seal.sums(tmp_path)), seal.changed(tmp_path, "run.json")) == (["run.json"], "")

    path.write_text("{ }")

    assert "run.json: changed since its run ended" in seal.changed(tmp_path, "run.json")
