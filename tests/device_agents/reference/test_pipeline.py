from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest

from device_agents.reference.pipeline import Pipeline
from device_agents.reference.units import ExecutionUnit

CORES = sorted(os.sched_getaffinity(0))
TWO_CORES = pytest.mark.skipif(len(CORES) < 2, reason="two units need two cores; this process may use one")


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    """Open a pipeline on the first and the last core."""
    with Pipeline(ExecutionUnit((CORES[0],)), ExecutionUnit((CORES[-1],))) as opened:
        yield opened


def said(journal: list[str], word: str) -> Callable[[], None]:
    """Return a stage that notes a word."""
    return lambda: journal.append(word)


def test_serial_stages_take_turns(pipeline: Pipeline) -> None:
    """Each batch leaves the second unit before the next enters the first."""
    journal: list[str] = []
    pipeline.run([(said(journal, f"cpu {i}"), said(journal, f"npu {i}")) for i in range(3)], pipelined=False)

    assert journal == ["cpu 0", "npu 0", "cpu 1", "npu 1", "cpu 2", "npu 2"]


@TWO_CORES
def test_pipelined_stages_run_at_the_same_time(pipeline: Pipeline) -> None:
    """The first batch's second stage and the second batch's first each wait until the other has begun."""
    met = threading.Barrier(2, timeout=10)
    pipeline.run([(lambda: None, met.wait), (met.wait, lambda: None)], pipelined=True)

    assert not met.broken


@TWO_CORES
def test_each_unit_keeps_to_its_core_and_does_one_thing_at_a_time(pipeline: Pipeline) -> None:
    """Second stages run one after the other on the second core, in the order of the batches."""
    seen: list[tuple[str, set[int]]] = []
    stages = [
        (
            lambda i=i: seen.append((f"cpu {i}", os.sched_getaffinity(0))),
            lambda i=i: seen.append((f"npu {i}", os.sched_getaffinity(0))),
        )
        for i in range(5)
    ]
    pipeline.run(stages, pipelined=True)

    assert [line for line in seen if line[0].startswith("cpu")] == [(f"cpu {i}", {CORES[0]}) for i in range(5)]
    assert [line for line in seen if line[0].startswith("npu")] == [(f"npu {i}", {CORES[-1]}) for i in range(5)]
    assert all(seen.index((f"cpu {i}", {CORES[0]})) < seen.index((f"npu {i}", {CORES[-1]})) for i in range(5))


@pytest.mark.parametrize("pipelined", [True, False])
@pytest.mark.parametrize("side", [0, 1])
def test_a_failing_stage_stops_the_run_and_the_pipeline_lives_on(
    side: int, pipelined: bool, pipeline: Pipeline
) -> None:
    """Its exception reaches the caller, and both units are idle at the next run."""

    def broken() -> None:
        raise ValueError("broken stage")

    batch = (broken, lambda: None) if side == 0 else (lambda: None, broken)
    with pytest.raises(ValueError, match="broken stage"):
        pipeline.run([batch, (lambda: None, lambda: None)], pipelined=pipelined)

    journal: list[str] = []
    pipeline.run([(said(journal, "cpu"), said(journal, "npu"))], pipelined=pipelined)
    assert journal == ["cpu", "npu"]


def test_one_unit_does_both_sides_in_turn() -> None:
    """With one unit for both sides nothing overlaps, and there is no thread."""
    journal: list[str] = []
    unit, before = ExecutionUnit((CORES[0],)), threading.active_count()
    with Pipeline(unit, unit) as pipeline:
        pipeline.run([(said(journal, f"cpu {i}"), said(journal, f"npu {i}")) for i in range(2)], pipelined=True)
        assert threading.active_count() == before

    assert journal == ["cpu 0", "npu 0", "cpu 1", "npu 1"]
