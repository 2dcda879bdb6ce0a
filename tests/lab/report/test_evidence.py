"""The evidence beside a trial, read from its folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from lab.records import Vitals
from lab.report.evidence import evidence_of
from tests.lab.report.report_runs import fine
from tests.saved_answers import trial_of


def test_a_damaged_file_is_named_and_hides_no_other(tmp_path: Path) -> None:
    """The gate's readings are used although the samples are damaged."""
    (tmp_path / "gate.jsonl").write_text(json.dumps({"boot_s": 1.0, "celsius": {"battery": 30.0}}) + "\n")
    (tmp_path / "vitals.jsonl").write_text("nonsense\n{}\n")
    one = evidence_of(fine(1)[0], tmp_path)

    assert one.doing.battery == (30.0, 30.0) and one.looks == 1
    (tmp_path / "gate.jsonl").unlink()
    assert "vitals.jsonl, line 1" in evidence_of(fine(1)[0], tmp_path).doing.unknown


def test_vitals_round_trip_through_the_file_the_gate_writes(tmp_path: Path) -> None:
    """The explanation reads what the lab writes at the gate."""
    look = Vitals(5.0, {"battery": 30.0}, missing={"SKIN": "refused"})
    kept = {name: value for name, value in asdict(look).items() if value not in (None, {})}
    (tmp_path / "gate.jsonl").write_text(json.dumps(kept) + "\n")

    assert evidence_of(fine(1)[0], tmp_path).gate == (look,)


def test_a_pipe_in_place_of_the_agents_last_words_is_named(tmp_path: Path) -> None:
    """Nobody waits for it, and the trial still gets its explanation."""
    os.mkfifo(tmp_path / "stderr.txt")

    found = evidence_of(trial_of(1, 1.0), tmp_path)

    assert "wanted a regular file, found a pipe" in found.last_words


def test_vitals_without_end_are_named(tmp_path: Path) -> None:
    """A sparse file of 8 GB is not read, and hides nothing else."""
    with (tmp_path / "vitals.jsonl").open("wb") as file:
        file.truncate(8 << 30)

    found = evidence_of(trial_of(1, 1.0), tmp_path)

    assert "wanted at most 67,108,864 bytes, found 8,589,934,592" in found.doing.unknown
