"""The command `lab bundle`: names, refusals, and the check."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.store import Store
from tests.lab.store.test_bundle import FIRST, root  # noqa: F401 - a fixture
from tests.lab_process import run_lab
from tests.night_records import INCIDENT


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Open a store in an empty folder."""
    return Store(tmp_path / "data")


@pytest.mark.slow
def test_a_bundle_is_written_verified_and_refused_once_changed(root: Path, tmp_path: Path) -> None:  # noqa: F811
    """By the start of an id, or as what was asked for last; a file of others is not replaced, its own is."""
    target, other = tmp_path / "result.zip", tmp_path / "letter.txt"
    other.write_text("Dear all")

    for words in (INCIDENT, FIRST, "last"):
        done = run_lab(tmp_path, ("bundle", words, "--out", target))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Wrote {target}: ")
    checked = run_lab(tmp_path, ("bundle", "verify", target))
    assert checked.stdout == done.stdout.replace(f"Wrote {target}", str(target))

    refused = run_lab(tmp_path, ("bundle", "last", "--out", other))
    assert (refused.returncode, other.read_text()) == (2, "Dear all")
    assert "wanted a new file or one that a lab wrote" in refused.stderr

    target.write_bytes(target.read_bytes()[:-1] + b"?")
    changed = run_lab(tmp_path, ("bundle", "verify", target))
    assert (changed.returncode, changed.stdout) == (2, "")
    assert "it was changed or cut" in changed.stderr
    alone = run_lab(tmp_path, ("bundle", "verify"))
    assert (alone.returncode, "lab bundle verify FILE" in alone.stderr) == (2, True)
