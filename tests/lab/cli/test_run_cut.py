"""A lab that is cut in the middle, by Ctrl-C or by kill -9, loses no finished trial and can go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.device.fake.build import write_fake_build
from lab.device.local import start_time
from lab.store import Store
from tests.lab_process import null_scenario

ROOT = Path(__file__).parents[3]

AGENT = """
import json, sys, time
job = json.load(open("job.json"))
said = {"event": "hello", "protocol": 1, "agent": "slow", "agent_version": "1", "runtime": "none",
        "runtime_version": "0", "abi": "none", "cpu_features": [], "units": {}, "pid": 1,
        "monotonic_ns": 0, "boot_ns": 0, "real_ns": 0}
lines = [said]
if job["work"]["kind"] == "null" and job["trial"].endswith("0002") and not SLOW.exists():
    SLOW.write_text(str(__import__("os").getpid()))
    time.sleep(60)
phases = ["warmup"] * job["warmup_iterations"] + ["measure"] * job["iterations"]
for i, phase in enumerate(phases):
    lines.append({"event": "iteration", "iteration": i, "phase": phase, "start_ns": i, "duration_ns": 1})
lines.append({"event": "end", "spans": 0, "iterations": len(phases), "outputs": 0})
with open("events.jsonl", "w") as file:
    file.writelines(json.dumps(line) + "\\n" for line in lines)
"""

LAB = """
import dataclasses, pathlib, sys
from lab import cli
from lab.device import local
folder = pathlib.Path(sys.argv[1])
code = "import pathlib; SLOW = pathlib.Path(%r)\\n" % str(folder / "slow") + (folder / "agent.py").read_text()
device = dataclasses.replace(local.connect(), agent=(sys.executable, "-c", code))
local.connect = lambda: device
sys.argv = ["lab", *sys.argv[2:]]
cli.main()
"""


def lab(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `lab` with an agent that hangs in trial 2 the first time, and says so in a file."""
    environment = {
        **os.environ,
        "POCKETLAB_DATA": str(folder / "data"),
        "POCKETLAB_LOCK": str(folder / "lock"),
        "PYTHONPATH": str(ROOT),
    }
    (folder / "agent.py").write_text(AGENT)
    (folder / "nothing.toml").write_text(null_scenario("nothing", blocks=4))
    return subprocess.Popen(
        [sys.executable, "-c", LAB, str(folder), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def alive(pid: int, born: int | None) -> bool:
    """Tell whether the process still runs; one that nobody has reaped does not."""
    if start_time(pid) != born:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}


@pytest.mark.parametrize("cut", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_cut_run_is_resumed(tmp_path: Path, cut: signal.Signals) -> None:
    """The trial before the cut stays as it was, the hanging agent is ended, and the missing ones are measured."""
    write_fake_build(tmp_path / "build")
    started = lab(
        tmp_path, "run", str(tmp_path / "nothing.toml"), "--build", str(tmp_path / "build"), "--blocks", "4"
    )
    while not (tmp_path / "slow").exists() or not (tmp_path / "slow").read_text():
        assert started.poll() is None, started.communicate()
    agent = int((tmp_path / "slow").read_text())
    born = start_time(agent)
    while str(agent) not in (tmp_path / "lock").read_text():  # a lab that has not noted its agent cannot end it
        assert started.poll() is None, started.communicate()
    started.send_signal(cut)
    _, said = started.communicate(timeout=30)

    store = Store(tmp_path / "data")
    record = store.run("last")
    before = store.trials(record.id)
    assert [trial.number for trial in before] == [1]
    if cut == signal.SIGKILL:
        assert record.status == "running"
    else:
        assert record.status == "interrupted"
        assert started.returncode == 2
        assert f"lab run --resume {record.id} --build {tmp_path / 'build'}" in said.replace("\n", " ")
        assert not alive(agent, born)

    resumed = lab(tmp_path, "run", "--resume", "--build", str(tmp_path / "build"))
    out, said = resumed.communicate(timeout=60)

    assert resumed.returncode == 0, said
    assert not alive(agent, born)
    assert "Results:" in out
    after = store.trials(record.id)
    assert [trial.number for trial in after] == [1, 2, 3, 4]
    assert after[0] == before[0]
    assert all(trial.valid for trial in after)
    assert store.run(record.id).status == "finished"
    assert (store.root / "runs" / record.id / "interrupted" / "0002-1" / "job.json").exists()
    store.close()
