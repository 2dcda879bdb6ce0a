"""The host as a device: the identity of its agent, and how a process of it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.device.local import LocalTransport, _with_the_lab, code_digest, physical
from lab.device.transport import Process
from lab.errors import DeviceRefused
from tests.lab_process import ROOT

CONTRACT = '''
"""What both sides share."""

from pydantic import BaseModel, Field

PROTOCOL = 1
"""The version."""


class Job(BaseModel):
    """One job."""

    build: str = Field(min_length=1, description="folder of the build")
    trial: str
    """Who asks."""
'''

AGENT = '''
def run(job):
    """Run a job."""
    count = job.iterations  # warm-up included
    if count < 1:
        raise ValueError("nothing to do")
    return count
'''


def _agent(folder: Path, contract: str = CONTRACT, agent: str = AGENT, name: str = "session.py") -> str:
    (folder / "reference").mkdir(parents=True)
    (folder / "contract.py").write_text(contract, encoding="utf-8")
    (folder / "reference" / name).write_text(agent, encoding="utf-8")
    return code_digest(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What both sides share."""', '"""The module in other words."""'),
        ('"""The version."""\n', ""),
        ('"""One job."""', '"""A job, `once` – in plain English."""'),
        ('"""Who asks."""', '"""The trial\'s identifier."""'),
        ('"folder of the build"', '"where the build lies"'),
        (', description="folder of the build"', ""),
        ('"""Run a job."""', '"""Run `job`\n\n    and return its iterations."""'),
        ("  # warm-up included", "\n\n    # counted from one"),
        ('ValueError("nothing to do")', "ValueError(\n            'nothing to do'\n        )"),
    ],
)
def test_words_about_the_code_and_its_layout_leave_the_identity_as_it_is(
    tmp_path: Path, old: str, new: str
) -> None:
    """A docstring, a comment, a field's description or a line break changes nothing that an agent does."""
    contract, agent = CONTRACT.replace(old, new), AGENT.replace(old, new)

    assert (contract, agent) != (CONTRACT, AGENT)
    assert _agent(tmp_path / "after", contract, agent) == _agent(tmp_path / "before")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PROTOCOL = 1", "PROTOCOL = 2"),
        ("min_length=1", "min_length=2"),
        ("trial: str", "trial: bytes"),
        ("trial: str", "attempt: str"),
        ("Field(min_length=1, description=", "Other(min_length=1, description="),
        ("count < 1", "count <= 1"),
        ('"nothing to do"', '"no iterations"'),
        ("    return count", "    return count\n    return count"),
        ("    return count", "    pass"),
    ],
)
def test_a_change_of_what_the_code_does_changes_the_identity(tmp_path: Path, old: str, new: str) -> None:
    """A constant, a name, a type, a message or a statement makes another agent."""
    contract, agent = CONTRACT.replace(old, new), AGENT.replace(old, new)

    assert (contract, agent) != (CONTRACT, AGENT)
    assert _agent(tmp_path / "after", contract, agent) != _agent(tmp_path / "before")


def test_a_text_that_another_call_describes_itself_with_counts(tmp_path: Path) -> None:
    """Only pydantic's `Field` keeps its description for people: elsewhere it is an argument like any other."""
    one, other = (
        CONTRACT.replace("Field(min_length", "Other(min_length").replace("folder", word) for word in "ab"
    )

    assert _agent(tmp_path / "one", one) != _agent(tmp_path / "other", other)


def test_a_module_under_another_name_changes_the_identity(tmp_path: Path) -> None:
    """The same code in another module is imported differently."""
    assert _agent(tmp_path / "one", name="one.py") != _agent(tmp_path / "other", name="other.py")


def test_an_agent_that_is_not_python_is_refused_with_its_file_and_line(tmp_path: Path) -> None:
    """A half-edited agent cannot run; the message says where to look."""
    with pytest.raises(DeviceRefused, match=r"host: wanted the agent's source in Python.*session\.py, line 2"):
        _agent(tmp_path, agent="\ndef run(job:\n")


@pytest.mark.parametrize(
    ("siblings", "cores"),
    [
        ({0: "0", 1: "1"}, (0, 1)),
        ({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, (0, 2)),
        ({0: "0,4", 1: "1,5", 4: "0,4", 5: "1,5"}, (0, 1)),
        ({4: "0,4", 5: "1,5"}, (4, 5)),
        ({0: "unknown", 1: "unknown"}, (0, 1)),
    ],
)
def test_one_cpu_is_kept_for_each_physical_core(siblings: dict[int, str], cores: tuple[int, ...]) -> None:
    """Two execution units on the two threads of one core would measure each other."""
    assert physical(siblings) == cores


def _begin(transport: LocalTransport, folder: Path, argv: Sequence[str], file_bytes: int | None = None) -> Process:
    return transport.start(
        argv,
        environment={},
        folder=str(folder),
        stdout=str(folder / "out"),
        stderr=str(folder / "err"),
        limit_s=60,
        file_bytes=file_bytes,
    )


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_program_that_prints_for_ever_does_not_fill_the_disk(tmp_path: Path, stream: str) -> None:
    """The kernel stops its file at the limit, and the program with it."""
    transport = LocalTransport()
    endless = _begin(
        transport, tmp_path, ["sh", "-c", "sleep 0.05; exec yes" + " >&2" * (stream == "stderr")], 4096
    )

    assert transport.wait(endless, timeout_s=30.0) in (-signal.SIGXFSZ, 1), "ended, or an error that it saw"
    assert (tmp_path / ("out" if stream == "stdout" else "err")).stat().st_size == 4096


@pytest.mark.skipif(not _with_the_lab(), reason="no setpriv (util-linux) on this machine")
def test_an_agent_ends_with_the_lab_that_started_it(tmp_path: Path) -> None:
    """Also when that is killed outright: the kernel sees to it, and the agent is the only process there was."""
    lab = subprocess.Popen(
        [sys.executable, "-c", LAB, str(tmp_path)],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert lab.stdout is not None
    agent = int(lab.stdout.readline())
    descriptor = os.pidfd_open(agent)
    try:
        while Path(f"/proc/{agent}/cmdline").read_bytes() != b"sleep\x0060\x00":  # nothing stays around it
            assert lab.poll() is None and not select.select([descriptor], [], [], 0.0)[0]
        lab.kill()
        assert select.select([descriptor], [], [], 30.0)[0]
    finally:
        os.close(descriptor)
        lab.kill()
        lab.communicate()


LAB = """
import sys, time
from lab.device.local import LocalTransport
folder = sys.argv[1]
print(LocalTransport().start(["sleep", "60"], environment={}, folder=folder, stdout=folder + "/out",
    stderr=folder + "/err", limit_s=60).pid, flush=True)
time.sleep(60)
"""
