"""Memory as agent and kernel count it, apart from time; unreadable figures come with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from device_agents.contract import (
    DecodeWork,
    EncodeImageWork,
    GenerateWork,
    GraphFile,
    Job,
    LoadWork,
    Manifest,
    Memory,
    Work,
)
from lab.device.fake.build import write_fake_build
from lab.device.fake.phone import FakeClock
from lab.device.local import LocalTransport
from lab.device.transport import Completed, Process
from lab.errors import DeviceLost
from lab.store.raw import TrialFile, read
from lab.trial.memory import (
    DMABUF,
    PSS,
    RSS,
    SAMPLED,
    Look,
    Watch,
    figures,
    parse,
    sampler,
    suspicion,
    weights_bytes,
)
from tests.lab_process import Lab

ROLLUP = """@process 41
55d0c0a00000-7ffd3b3f6000 ---p 00000000 00:00 0                          [rollup]
Rss:               37000 kB
Pss:               35700 kB
Pss_Anon:          20000 kB
Pss_File:          15700 kB
@process 42
cat: /proc/42/smaps_rollup: No such process
@process 43
55d0c0a00000-7ffd3b3f6000 ---p 00000000 00:00 0                          [rollup]
Rss:                1200 kB
Pss:                 300 kB
@dmabuf
4096
65536
"""


def test_the_shares_of_all_processes_of_an_agent_are_added() -> None:
    """Two processes hold 36,000 kB; one that has ended holds nothing. Buffers are the whole device's."""
    assert parse(ROLLUP) == Look({PSS: 36_000 * 1024, DMABUF: 69_632}, {})


@pytest.mark.parametrize(
    ("text", "pss", "dmabuf"),
    [
        (
            "@process 41\ncat: /proc/41/smaps_rollup: Permission denied\n"
            "@dmabuf\ncat: '/sys/kernel/dmabuf/buffers/*/size': No such file or directory\n",
            "Permission denied",
            "No such file or directory",
        ),
        ("@dmabuf\n", "the agent had no process", "the kernel lists none"),
        ("", "the agent had no process", "the kernel lists none"),
    ],
)
def test_what_a_kernel_does_not_tell_comes_with_a_reason(text: str, pss: str, dmabuf: str) -> None:
    """Refused, an older kernel, an ended process: n/a, never 0."""
    assert parse(text) == Look({}, {PSS: pss, DMABUF: dmabuf})


def memory(peak: int) -> Memory:
    """Return an agent's own `memory` event."""
    return Memory(iteration=0, resident_bytes=peak - 1, peak_bytes=peak)


def test_the_peak_of_a_pass_is_the_largest_that_was_seen() -> None:
    """The agent's own peak misses nothing; of the looks the largest counts."""
    looks = [Look({PSS: 5}, {DMABUF: "Permission denied"}), Look({PSS: 9}, {DMABUF: "Permission denied"})]

    found = figures([memory(100), memory(120)], looks)

    assert found.samples == {RSS: (120.0,), PSS: (9.0,)}
    assert found.flags == ("peak dma-buf of the whole device: n/a: Permission denied",)


def test_a_phase_has_the_largest_of_its_peaks() -> None:
    """Of two iterations the second encoded with more in memory; loading was told once, decoding never."""
    told = [
        *(memory(peak).model_copy(update={"during": "encode"}) for peak in (80, 95)),
        memory(60).model_copy(update={"during": "load", "sampled": True}),
        memory(110),
    ]
    found = figures(told, [Look({PSS: 5, DMABUF: 1}, {})])

    phases = {"peak_rss_load_bytes": (60.0,), "peak_rss_encode_bytes": (95.0,)}
    assert found.samples == {RSS: (110.0,), PSS: (5.0,), DMABUF: (1.0,), **phases}
    assert found.flags == (SAMPLED,)


def test_a_pass_that_tells_nothing_has_no_figure() -> None:
    """The agent wrote no `memory` events and ended before the first look."""
    found = figures([], [])

    assert found.samples == {}
    assert found.missing == {
        RSS: "the agent wrote no `memory` event",
        PSS: "the agent ended before the first look",
        DMABUF: "the agent ended before the first look",
    }


@pytest.mark.parametrize(
    ("work", "weights"),
    [
        (EncodeImageWork(input="screen", batches=[{"true": 1, "padded": 1}], pipelined=False), 300),
        (DecodeWork(input="screen", context_tokens=1, new_tokens=2, parallel_tokens=8), 5000),
        (LoadWork(), 0),
        (
            GenerateWork(
                input="screen",
                batches=[{"true": 1, "padded": 1}],
                pipelined=False,
                parallel_tokens=8,
                new_tokens=2,
                coupled=True,
            ),
            5300,
        ),
        (
            GenerateWork(
                input="screen",
                batches=[{"true": 1, "padded": 1}],
                pipelined=False,
                parallel_tokens=8,
                new_tokens=2,
                coupled=True,
                release_vision=True,
            ),
            5000,
        ),
    ],
)
def test_the_weights_in_use_are_those_of_the_works_graphs(tmp_path: Path, work: Work, weights: int) -> None:
    """A file that two shapes share counts once; the table of embeddings is only touched in part."""
    manifest = weighted(write_fake_build(tmp_path))
    job = Job(protocol=1, trial="t", build="b", work=work, warmup_iterations=0, iterations=1, units={}, stages={})

    assert weights_bytes(job, manifest) == weights


def weighted(manifest: Manifest) -> Manifest:
    """Give a build a vision model of 300 bytes, a language model of 5,000 in two shapes, and a table of 7,000."""
    files = {"vit.bin": 300, "llm.bin": 5000, "embed.bin": 7000}

    def graph(name: str) -> GraphFile:
        return GraphFile(path=f"{name}.onnx", weights=[f"{name}.bin"], shapes=[])

    return manifest.model_copy(
        update={
            "graphs": {"vit": [graph("vit")], "llm": [graph("llm"), graph("llm")], "embed": [graph("embed")]},
            "files": [
                manifest.files[0].model_copy(update={"path": path, "bytes": size}) for path, size in files.items()
            ],
        }
    )


def test_less_memory_than_weights_is_suspicious() -> None:
    """Either the weights are in memory that does not count, or they were never used."""
    assert suspicion(5000.0, 5000) == ""
    assert suspicion(4999.0, 5000).startswith(
        "at most 4,999 bytes were resident, less than the 5,000 bytes of weights in use: they are in memory that"
    )


def test_a_look_sees_a_real_process_and_its_children() -> None:
    """The leader's pid is enough to find 40 MiB in its child."""
    code = "b = b'1' * (40 << 20)\nprint('ready', flush=True)\ninput()"
    leader = subprocess.Popen(
        ["sh", "-c", '"$0" -c "$1"; true', sys.executable, code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert leader.stdout is not None
        leader.stdout.readline()
        look = sampler(LocalTransport(), leader.pid)
    finally:
        leader.communicate(b"\n")

    assert look.found[PSS] > 40 << 20
    assert look.found[PSS] < 200 << 20


class Looked(LocalTransport):
    """A transport that answers looks from a list; None stands for a pulled cable."""

    def __init__(self, *answers: str | None) -> None:
        super().__init__()
        self.answers = list(answers)

    def shell(self, argv: object, *, timeout_s: float) -> Completed:
        """Answer the next look."""
        answer = self.answers.pop(0)
        if answer is None:
            raise DeviceLost("the cable was pulled")
        return Completed(0, answer, "")


def test_the_kernel_is_asked_twice_a_second_at_most_and_only_while_the_agent_runs() -> None:
    """Ten iterations in a second give two looks; there is none before the start or after the end."""
    clock, counted, noted = FakeClock(), list[int](), list[Process | None]()
    watch = Watch(Looked(ROLLUP, ROLLUP), clock)
    started, iterations = watch.started(noted.append), watch.iterations(counted.append)

    iterations(0)
    started(Process(41, 7))
    for number in range(1, 11):
        iterations(number)
        clock.seconds += 0.1
    started(None)
    clock.seconds += 1.0
    iterations(11)

    assert len(watch.looks) == 2
    assert counted == list(range(12))
    assert noted == [Process(41, 7), None]


def test_a_link_that_breaks_costs_a_look_not_the_trial() -> None:
    """Following the agent waits for the device; the looks go on when it is back."""
    clock = FakeClock()
    watch = Watch(Looked(None, ROLLUP), clock)
    watch.started(lambda process: None)(Process(41, 7))

    assert watch.heed() == ""
    clock.seconds += 1.0
    assert watch.heed() == ""

    assert len(watch.looks) == 1


SCENARIO = """
[scenario]
name = "held"
question = "What does prefill hold?"
metric = "prefill_s"
[workload]
kind = "prefill"
parallel_tokens = 128
[plan]
warmup = 0
iterations = 200
blocks = 1
[gates]
max_gap = 0.99
cpu_time_least = 0
start = "never"
"""


def test_the_memory_pass_comes_after_the_timing_and_enters_no_figure_of_time(
    lab: Lab, tiny_build: Path, tmp_path: Path
) -> None:
    """`lab run --memory` on this machine: one more trial, with the agent's peak and the kernel's share."""
    (tmp_path / "held.toml").write_text(SCENARIO)

    done = lab("run", tmp_path / "held.toml", "--build", tiny_build, "--device", "host", "--memory")

    assert done.returncode == 0, done.stderr
    timed, held = (
        read(TrialFile, path).trial
        for path in sorted((tmp_path / "data/runs").glob("*/trials/*/trial.json"))
        if json.loads(path.read_text())["trial"]["number"]
    )
    assert (timed.purpose, held.purpose) == ("time", "memory")
    assert "prefill_s" in timed.samples and not timed.samples.keys() & {RSS, PSS}
    assert held.samples.keys() >= {RSS, PSS}
    assert not any(name.endswith("_s") for name in held.samples)
    assert 0 < held.samples[PSS][0] <= held.samples[RSS][0] * 1.05
