"""The command `lab profile`: a pass of its own, printed beside the answer from then on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.device_agents.stand_in import write_build
from tests.lab_process import Lab, null_scenario

SCENARIO = """
[scenario]
name = "chunks"
question = "How many tokens at a time?"
metric = "prefill_s"
[workload]
kind = "prefill"
input = "screen"
prompt_tokens = 6
[sweep]
parallel_tokens = [1, 3]
[plan]
warmup = 0
iterations = 1
blocks = 1
timeout_s = 60
[gates]
max_gap = 0.99
cpu_time_least = 0
start = "never"
"""


def test_each_cell_is_profiled_once_and_no_trial_is_added(lab: Lab, tmp_path: Path) -> None:
    """The table has a row for each cell; the run's trials are those it had."""
    (tmp_path / "build").mkdir()
    build = write_build(tmp_path / "build")
    (tmp_path / "chunks.toml").write_text(SCENARIO)
    measured = lab("run", tmp_path / "chunks.toml", "--build", build)
    assert measured.returncode == 0, measured.stderr
    assert " profile 0" in measured.stdout
    assert "Where the time goes" not in lab("show", "last").stdout
    (run,) = (tmp_path / "data/runs").iterdir()
    trials = sorted(path.name for path in (run / "trials").iterdir())

    done = lab("profile", "last", "--build", build)

    assert done.returncode == 0, done.stderr
    table = done.stdout.partition("Where the time goes")[2]
    rows = [line.split() for line in table.splitlines() if "%" in line and "Where" not in line]
    assert [row[0] for row in rows] == ["1", "3"]
    assert sorted(path.name for path in (run / "trials").iterdir()) == trials
    kept = json.loads((run / "profile.json").read_text())
    assert [cell["items"] for cell in kept["cells"]] == [6, 6]
    assert all(cell["seconds"]["products"] > 0 for cell in kept["cells"])
    for command in ("show", "explain"):
        assert "Where the time goes" in lab(command, "last").stdout


def test_what_has_no_operators_is_refused(lab: Lab, tmp_path: Path) -> None:
    """The null workload runs nothing: status 2 and the reason."""
    (tmp_path / "build").mkdir()
    build = write_build(tmp_path / "build")
    (tmp_path / "null.toml").write_text(null_scenario("null", blocks=1))
    lab("run", tmp_path / "null.toml", "--build", build)

    done = lab("profile", "last", "--build", build)

    assert done.returncode == 2
    assert "its workload is `null`, which runs no operator" in done.stderr
