from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from device_agents.contract import Job as JobModel
from device_agents.reference.failure import as_failure
from device_agents.reference.language import Language
from device_agents.reference.package import open_package, read_input
from device_agents.reference.session import cpu_features, memory_of
from device_agents.reference.units import ExecutionUnit, label_of, open_units
from tests.device_agents.stand_in import PROMPT, job_of, write_build


@pytest.fixture(autouse=True)
def _same_cores() -> Iterator[None]:
    """Give the test process its cores back: an agent that runs inside it pins its thread."""
    allowed = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("kv_cache", ["float32", "int8"])
@pytest.mark.parametrize("chunk", [3, 5])
def test_a_chunked_prefill_answers_like_a_whole_one(kv_cache: str, chunk: int, tmp_path: Path) -> None:
    """Chunks of 3 and 5, the last padded, give the logits and tokens of one chunk of 8."""
    folder = write_build(tmp_path, kv_cache=kv_cache)
    package = open_package(folder)
    units = open_units(JobModel.model_validate(job_of(folder, {"kind": "null"})))
    image = np.linspace(-1, 1, 3 * 16, dtype=np.float32).reshape(3, 1, 16)
    answers = []
    for parallel in (PROMPT, chunk):
        language = Language(
            package,
            units,
            read_input(package, "screen"),
            image,
            prompt_tokens=PROMPT,
            parallel_tokens=parallel,
            new_tokens=8,
        )
        language.reset()
        language.prefill([], 0)
        language.decode([], 0, 0, 8)
        answers.append((language.last_logits.copy(), language.trail()))

    np.testing.assert_allclose(answers[1][0], answers[0][0], rtol=1e-4, atol=1e-5)
    assert answers[1][1].ids == answers[0][1].ids
    assert len(set(answers[0][1].ids)) > 1


def test_foreign_exceptions_get_the_contracts_class() -> None:
    """Out of memory and a full disk have their own classes; anything unforeseen is a crash."""
    assert as_failure(MemoryError()).error == "oom"
    assert as_failure(RuntimeError("std::bad_alloc")).error == "oom"
    assert as_failure(OSError(28, "No space left on device")).error == "disk_full"
    assert str(as_failure(ZeroDivisionError("x / 0"))) == "ZeroDivisionError: x / 0"
    assert as_failure(ZeroDivisionError()).error == "crash"


def test_units_are_named_after_their_cores() -> None:
    """Consecutive cores are joined into ranges."""
    assert [label_of(cores) for cores in ((0,), (0, 1, 2), (3, 0, 2))] == ["cpu0", "cpu0-2", "cpu0,2-3"]


def test_cpu_features_are_those_that_every_core_has() -> None:
    """Of a big and a little core only common features count, and only those that choose kernels."""
    text = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n\nprocessor\t: 1\nFeatures\t: fp asimd asimddp\n"

    assert cpu_features(text) == ["asimd", "asimddp"]
    assert cpu_features("") == []


def test_memory_is_read_in_bytes() -> None:
    """The kB in /proc are units of 1024 bytes."""
    memory = memory_of("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1000 kB\n", 7)

    assert (memory.iteration, memory.resident_bytes, memory.peak_bytes) == (7, 1_024_000, 2_097_152)


def test_a_unit_of_one_core_is_timed_by_its_thread() -> None:
    """A unit of several cores is timed by the process, because the library's threads work too."""
    assert ExecutionUnit((0,)).cpu_clock is time.thread_time_ns
    assert ExecutionUnit((0, 1)).cpu_clock is time.process_time_ns
