"""The command `lab publish`."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.store import Store
from tests.lab_process import Lab
from tests.saved_answers import saved_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with a run."""
    found = Store(tmp_path / "data")
    saved_run(found)
    return found


def test_a_site_is_written_and_written_again(lab: Lab, store: Store, tmp_path: Path) -> None:
    """Stdout says where it begins; progress is on stderr."""
    for _ in range(2):
        done = lab("publish", "--out", tmp_path / "site")

        assert (done.returncode, done.stdout[:6]) == (0, "Wrote ")
        assert f"{tmp_path / 'site' / 'index.html'}: " in done.stdout
        assert done.stderr == "Publishing 1 record\n"
    assert "No night yet" in (tmp_path / "site" / "index.html").read_text()


def test_a_folder_of_somebody_else_is_refused(lab: Lab, store: Store, tmp_path: Path) -> None:
    """Before anything is read, and with what lies there."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.tex").write_text("mine")
    done = lab("publish", "--out", tmp_path / "site")

    assert done.returncode == 2
    assert "found thesis.tex in it; nothing was written" in done.stderr
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["thesis.tex"]


def test_a_missing_data_root_is_not_made(lab: Lab, tmp_path: Path) -> None:
    """The message says which one was wanted."""
    done = lab("publish", "--out", tmp_path / "site", "--data", tmp_path / "gone")

    assert done.returncode == 2 and "gone: wanted a folder of results, found none" in done.stderr
    assert not (tmp_path / "gone").exists() and not (tmp_path / "site").exists()


def test_a_record_that_cannot_be_read_is_no_failure(lab: Lab, store: Store, tmp_path: Path) -> None:
    """The site is written without it, and stderr names it."""
    run = store.runs()[0].id
    (store.root / "runs" / run / "trials" / "0001" / "trial.json").write_text("{")
    (store.root / "runs" / run / "run.json").write_text("{")
    done = lab("publish", "--out", tmp_path / "site")

    assert done.returncode == 0 and "run.json" in done.stderr
    assert (tmp_path / "site" / "index.html").exists()
