"""A silent fall-back to the CPU, caught end to end: a real adbd, the command `lab`, an agent that is not honest.

The agent is the native one behind a few lines of shell: afterwards they claim an accelerator for its prefill. One
shape the accelerator is said to have: its CPU time is set to nothing. The other it has not: it keeps the CPU time
of a thread that computes all along, set to the wall time exactly, so that a busy test machine decides nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from device_agents.contract import InvalidReason
from lab.device.addresses import remember
from lab.records import Trial
from lab.store.raw import TrialFile, read
from tests.farm_phones import Phone
from tests.lab_process import Lab

SCENARIO = """
[scenario]
name = "accelerated"
question = "How many tokens should be prefilled at once?"
metric = "prefill_s"
[workload]
kind = "prefill"
input = "screen"
[sweep]
parallel_tokens = {swept}
[plan]
warmup = 0
iterations = 3
blocks = 4
[gates]
max_gap = 0.99
cpu_time_least = 0
start = "never"
"""

AGENT = r"""#!/bin/sh
folder=$1; shift
"$folder/ld-linux-x86-64.so.2" --inhibit-cache --library-path "$folder" "$folder/agent" "$@" || exit
sed -i -E '/"stage":"prefill"/{
  s/"unit":"[^"]*"/"unit":"npu0"/
  /"padded":2048/s/("duration_ns":([0-9]+).*"cpu_ns":)[0-9]+/\1\2/
  /"padded":512/s/"cpu_ns":[0-9]+/"cpu_ns":0/
}' events.jsonl
"""


def disguise(bundle: Path, target: Path) -> None:
    """Write a bundle in which a shell script rewrites what the native agent says."""
    shutil.copytree(bundle, target)
    (target / "agent.sh").write_text(AGENT)
    told = json.loads((target / "bundle.json").read_bytes())
    content = (target / "agent.sh").read_bytes()
    told["files"].append(
        {"path": "agent.sh", "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    )
    listed = sorted(f"{file['path']} {file['sha256']}" for file in told["files"])
    told |= {
        "id": hashlib.sha256("".join(f"{line}\n" for line in listed).encode()).hexdigest(),
        "argv": ["/system/bin/sh", "{folder}/agent.sh", "{folder}"],
        "files": sorted(told["files"], key=lambda file: str(file["path"])),
    }
    (target / "bundle.json").write_text(json.dumps(told))


@pytest.fixture
def dishonest(phone: Phone, native_bundle: Path, lab: Lab, tmp_path: Path) -> dict[str, str]:
    """Attach the phone to a lab whose agent falls back silently; what `lab` needs in its environment."""
    disguise(native_bundle, tmp_path / "data/agents/x86_64")
    remember(tmp_path / "data", phone.address)
    return {"POCKETLAB_ADB_SERVER": f"127.0.0.1:{phone.adb_server}"}


def trials(folder: Path) -> list[Trial]:
    """Return every trial that was saved."""
    paths = sorted((folder / "data/runs").glob("*/trials/*/trial.json"))
    return [read(TrialFile, path).trial for path in paths]


def test_a_shape_that_falls_back_to_the_cpu_is_no_slow_accelerator(
    phone: Phone, dishonest: dict[str, str], lab: Lab, tiny_build: Path, tmp_path: Path
) -> None:
    """Its trials are kept and shown with their reason, and enter no figure; the other shape is measured."""
    (tmp_path / "accelerated.toml").write_text(SCENARIO.format(swept="[512, 2048]"))

    done = lab("run", tmp_path / "accelerated.toml", "--build", tiny_build, "--device", phone.name, **dishonest)

    assert done.returncode == 0, done.stderr
    found = trials(tmp_path)
    fell_back = [trial for trial in found if trial.cell == "parallel_tokens=2048"]
    stayed = [trial for trial in found if trial.cell == "parallel_tokens=512"]
    assert [trial.reason for trial in fell_back] == [InvalidReason.WRONG_UNIT] * 4
    assert all("`prefill` claims npu0 and used" in trial.detail for trial in fell_back)
    assert all(trial.placement["prefill"] == "CPU" for trial in fell_back)
    assert [trial.valid for trial in stayed] == [True] * 4
    for trial in stayed:  # in truth a CPU did it too: a machine that is slow enough to be sampled shows that
        assert trial.placement["prefill"] == ("UNKNOWN" if "elsewhere" in trial.flags else "NPU")
    answer = " ".join(done.stdout.split())
    assert "4 of 8 trials are invalid and enter no figure" in answer
    assert "wrong_unit" in answer


def test_a_device_that_always_falls_back_stops_the_run_in_words(
    phone: Phone, dishonest: dict[str, str], lab: Lab, tiny_build: Path, tmp_path: Path
) -> None:
    """Going on would give the same result: status 2, and advice on what to check."""
    (tmp_path / "accelerated.toml").write_text(SCENARIO.format(swept="[2048]"))

    done = lab("run", tmp_path / "accelerated.toml", "--build", tiny_build, "--device", phone.name, **dishonest)

    assert done.returncode == 2
    words = " ".join(done.stderr.split())
    assert "wrong_unit: `prefill` claims npu0 and used" in words
    assert "it ran on the CPU" in words
    assert [trial.reason for trial in trials(tmp_path)] == [InvalidReason.WRONG_UNIT]
