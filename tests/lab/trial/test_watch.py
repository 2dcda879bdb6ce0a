"""Where a tool's threads may run is seen from outside, on real processes; what a tool says counts for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from device_agents.contract import PROTOCOL, Graph, Job, PrefillWork, Unit
from lab.trial.folder import PLACED, THREADS
from lab.trial.watch import cores_of, place, placed, placed_of, watched

CORES = sorted(os.sched_getaffinity(0))
TWO = pytest.mark.skipif(len(CORES) < 2, reason="wants two cores")

TOOL = """#!{python}
import os, subprocess, sys, threading, time
cores = {cores}
def work(): {work}
threads = [threading.Thread(target=work) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
{end}
"""


def seen(folder: Path, cores: list[int], *, work: str = "time.sleep(0.7)", end: str = "") -> tuple[int, str]:
    """Run a tool of three threads under watch; return its exit status, and what was seen of it."""
    tool = folder / "llama-bench"
    tool.write_text(TOOL.format(python=sys.executable, cores=CORES, work=work, end=end))
    tool.chmod(0o755)
    done = subprocess.run(watched([str(tool)], cores), cwd=folder, check=False)
    return done.returncode, (folder / THREADS).read_text()


def test_threads_that_stay_on_their_cores_are_observed(tmp_path: Path) -> None:
    """Each inherits the mask under which the tool was started, though it asks for none itself."""
    status, threads = seen(tmp_path, CORES[:1])

    assert status == 0
    assert len({line for line in threads.splitlines() if line.startswith("thread ")}) >= 4
    assert placed(threads, CORES[:1]).kind == "observed"


@TWO
@pytest.mark.parametrize(
    "work",
    [
        "os.sched_setaffinity(0, cores); time.sleep(0.7)",
        "subprocess.run(['taskset', '-p', 'ffff', str(os.getpid())]); time.sleep(0.7)",
        "subprocess.run(['taskset', 'ffff', sys.executable, '-c', 'import time; time.sleep(0.7)'])",
    ],
)
def test_a_thread_or_a_child_that_leaves_its_cores_is_seen(tmp_path: Path, work: str) -> None:
    """Whatever the tool says of its mask, the kernel's list of that thread has other cores."""
    _, threads = seen(tmp_path, CORES[:1], work=work)
    found = placed(threads, CORES[:1])

    assert found.kind == "contradicted"
    assert found.words.endswith(f"wanted {CORES[0]}")


def test_a_tool_that_ends_before_a_look_is_not_observed(tmp_path: Path) -> None:
    """The shell that becomes the tool is not the tool."""
    subprocess.run(watched(["true"], CORES[:1]), cwd=tmp_path, check=True)

    assert placed((tmp_path / THREADS).read_text().partition("thread")[0], CORES[:1]).kind == "unknown"


@pytest.mark.parametrize(("end", "status"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", -9)])
def test_the_exit_status_is_the_tools_own(tmp_path: Path, end: str, status: int) -> None:
    """It becomes the process that was started, signals included."""
    assert seen(tmp_path, CORES[:1], work="pass", end=end)[0] == status


@pytest.mark.parametrize(
    ("threads", "kind", "words"),
    [
        ("", "unknown", "no thread of it was seen"),
        ("under a\n", "unknown", "no thread of it was seen"),
        ("under a\nthread 7 1,3\n", "observed", ""),
        ("under a\nthread 7 1\nthread 8 3\n", "observed", ""),
        ("thread 7 1\nthread 8 3\n", "observed", ""),  # it placed itself
        ("under a\nthread 7 1,3\nthread 8 0-7\n", "contradicted", "thread 8 was allowed on cores 0-7, wanted 1,3"),
        ("under a\nthread 7 1\n", "contradicted", "it was allowed on cores 1 alone, wanted 1,3"),
        (
            "thread 7 0-7\n",
            "unknown",
            "it was started anywhere, and thread 7 was allowed on cores 0-7, wanted 1,3",
        ),
        ("under a\nthread 7 what\n", "unknown", "no thread of it was seen"),
    ],
)
def test_what_was_seen_is_compared_with_the_jobs_cores(threads: str, kind: str, words: str) -> None:
    """All of them and no others; what was not seen is unknown."""
    found = placed(threads, [1, 3])

    assert (found.kind, found.words) == (kind, words)


def test_the_answer_lies_beside_the_output(tmp_path: Path) -> None:
    """For the adapter and for the judge; without a file nothing is known."""
    units = {"all": Unit(cores=[3, 1]), "other": Unit(cores=[0])}
    work = PrefillWork(input="x", prompt_tokens=1, parallel_tokens=1)
    job = Job(
        protocol=PROTOCOL, trial="t", build="/b", work=work, warmup_iterations=0, iterations=1, units=units,
        stages={Graph.LLM: "all"},
    )  # fmt: skip
    assert cores_of(job) == (1, 3)
    assert placed_of(tmp_path).kind == "unknown"
    for threads, kind in (("under a\nthread 7 1,3\n", "observed"), ("under a\nthread 7 0\n", "contradicted")):
        (tmp_path / THREADS).write_text(threads)
        place(tmp_path, job)
        assert placed_of(tmp_path).kind == kind
        assert (tmp_path / PLACED).read_text().startswith(kind)
