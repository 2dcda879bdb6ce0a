"""Each kind of record has its place among the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import StoreError
from lab.store.kinds import COMPARISONS, RUNS, SELFCHECKS, NightRow, newest_of_suites
from tests.saved_checks import CHECKED
from tests.saved_runs import comparison_of, run_of


def test_a_record_lies_under_its_id(tmp_path: Path) -> None:
    """Runs have a folder each, the others a file each; older data roots lie so too."""
    RUNS.write(tmp_path, run_of("a0"))
    COMPARISONS.write(tmp_path, comparison_of(1))
    SELFCHECKS.write(tmp_path, CHECKED)

    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")) == [
        f"comparisons/{comparison_of(1).id}.json",
        "runs/a0/run.json",
        f"selfchecks/{CHECKED.id}.json",
    ]
    assert RUNS.read(tmp_path, "a0") == run_of("a0")
    assert COMPARISONS.read(tmp_path, comparison_of(1).id) == comparison_of(1)
    assert SELFCHECKS.read(tmp_path, CHECKED.id) == CHECKED


def test_ids_are_those_of_whole_files(tmp_path: Path) -> None:
    """What a cut write left aside is none, and neither is a run's folder without `run.json`."""
    COMPARISONS.write(tmp_path, comparison_of(2))
    COMPARISONS.write(tmp_path, comparison_of(1))
    (tmp_path / "comparisons" / ".cut.json.part").write_text("half")
    (tmp_path / "comparisons" / ".cut.json").write_text("half")
    (tmp_path / "runs" / "a0").mkdir(parents=True)

    assert COMPARISONS.ids(tmp_path) == [comparison_of(1).id, comparison_of(2).id]
    assert RUNS.ids(tmp_path) == SELFCHECKS.ids(tmp_path) == []


def test_a_record_that_is_not_there_is_named(tmp_path: Path) -> None:
    """By its path."""
    with pytest.raises(StoreError, match=r"runs/a0/run\.json: could not be read: No such file"):
        RUNS.read(tmp_path, "a0")


def test_each_suite_has_a_newest_finished_night() -> None:
    """One that still runs is none."""
    nights = [
        NightRow(str(at), "2026-11-29", suite, "2026-11-29T01:00:00Z", status)
        for at, (suite, status) in enumerate(
            [("a", "running"), ("b", "finished"), ("a", "finished"), ("b", "finished"), ("a", "finished")]
        )
    ]

    assert newest_of_suites(nights) == ["1", "2"]
