from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.both_agents import Agent
from tests.device_agents.stand_in import job_of, write_build

TELEMETRY_ON = """
import onnxruntime, sys
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
"""


def _without_routes() -> list[str]:
    """Return the prefix that runs a command without any network, or skip the test with the reason."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no `unshare` here: telemetry is only ever provoked where no packet can leave")
    for prefix in ([unshare, "-n"], [unshare, "-r", "-n"]):
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    pytest.skip("this user may not make a network namespace: telemetry is only ever provoked without routes")


def _run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in an empty environment (no CI variables, no opt-out) with its own home."""
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [*_without_routes(), *command], env=environment, capture_output=True, text=True, check=False
    )


def _traces(home: Path) -> list[str]:
    """List the files in a home: the telemetry keeps a device id and a queue of events there."""
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def test_the_agent_leaves_no_trace_of_telemetry_where_the_bare_library_does(agent: Agent, tmp_path: Path) -> None:
    """The library alone writes a device id into the user's home (so the check can fail); the agent does not.

    Upload is queued through that file, so no queue means that nothing was to be sent. The lab's own
    environment is not used: the agent has to opt out by itself.
    """
    build = write_build(tmp_path)
    job = tmp_path / "job.json"
    job.write_text(json.dumps(job_of(build, {"kind": "load"})), encoding="utf-8")
    bare = _run([sys.executable, "-c", TELEMETRY_ON, str(build / "vit.onnx")], tmp_path / "bare")
    events = tmp_path / "events.jsonl"
    done = _run([*agent.command, "run", "--job", str(job), "--events", str(events)], tmp_path / "quiet")

    assert (bare.returncode, done.returncode) == (0, 0), bare.stderr + done.stderr
    if not _traces(tmp_path / "bare"):
        pytest.skip("this onnxruntime leaves no trace even with telemetry on: the check would show nothing")
    assert "deviceid" in _traces(tmp_path / "bare")
    assert _traces(tmp_path / "quiet") == []
