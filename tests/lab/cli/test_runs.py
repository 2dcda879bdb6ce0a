"""The command `lab runs`: the list of saved runs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from lab.store import Store
from tests.lab_process import Lab
from tests.saved_answers import saved_run


def test_runs_are_listed_newest_first_up_to_the_limit(lab: Lab, tmp_path: Path) -> None:
    """One line each: the start of its id, when it began, what was measured, and how it ended."""
    first, second = "018f0000-0000-7000-8000-000000000001", "018f0000-0001-7000-8000-000000000002"
    with closing(Store(tmp_path / "data")) as store:
        saved_run(store, first)
        saved_run(store, second, minute=1)

    lines = lab("runs").stdout.splitlines()

    assert [line.split()[0] for line in lines[1:]] == [second[:13], first[:13]]
    assert lines[1].split()[1:] == ["2026-01-01", "00:01", "null", "tiny", "bbbbbbbb", "host", "finished"]
    assert len(lab("runs", "--limit", "1").stdout.splitlines()) == 2
