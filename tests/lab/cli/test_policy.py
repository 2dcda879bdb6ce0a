"""The command `lab policy dry-run`."""

from __future__ import annotations

from pathlib import Path

from lab.store import Store
from tests.lab_process import Lab
from tests.night_records import NIGHT, night, value


def test_thresholds_are_tried_on_stored_nights(lab: Lab, tmp_path: Path) -> None:
    """A total, a line a night, and each confirmed regression that would have been left out."""
    store = Store(tmp_path / "data")
    store.save_night(night())
    store.save_values(NIGHT, [value()])
    stricter = tmp_path / "stricter.toml"
    stricter.write_text("[policy]\nleast = 0.2\n")

    done = lab("policy", "dry-run", stricter)

    assert done.returncode == 0, done.stderr
    total, _, row, lost = done.stdout.splitlines()
    assert total.startswith("1 night: 0 suspects instead of 1, 0 alerts instead of 1; 0 of the suspects ")
    assert row.split() == ["2026-11-29", "2", "1", "->", "0", "0", "1", "->", "0"]
    assert lost.startswith("! 2026-11-29: left out, decode / context_tokens=512 / nano-w4 / ")
    assert "7.5 % worse" in lost


def test_without_nights_there_is_nothing_to_try(lab: Lab) -> None:
    """The policy of a suite, by its name."""
    assert lab("policy", "dry-run", "nightly").stdout == "No finished night yet: `lab nightly`\n"


def test_a_file_without_a_policy_is_refused(lab: Lab, tmp_path: Path) -> None:
    """One message says which table was wanted."""
    (tmp_path / "none.toml").write_text("[plan]\n")

    done = lab("policy", "dry-run", tmp_path / "none.toml")

    assert done.returncode == 2
    assert "wanted a table [policy]" in done.stderr
