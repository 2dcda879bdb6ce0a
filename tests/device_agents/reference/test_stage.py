"""A stage leaves its span, and is slowed down where the job asks for it."""

from __future__ import annotations

import hashlib
import threading

import pytest

from device_agents.contract import Inject, Stage
from device_agents.reference.stage import Place, RawSpan, injected, run_stage, slowed, span_of
from device_agents.reference.units import ExecutionUnit


def test_a_stage_leaves_one_span_and_its_result() -> None:
    """The span says what ran, where, and on how many tiles."""
    spans: list[RawSpan] = []
    place = Place(Stage.VIT, ExecutionUnit((0, 1)))

    assert run_stage(lambda: 42, spans, place, 3, 1, 4, 6) == 42
    span = span_of(spans[0])
    assert (span.stage, span.iteration, span.index, span.role, span.unit) == ("vit", 3, 1, "npu", "cpu0-1")
    assert span.count is not None
    assert (span.count.true, span.count.padded) == (4, 6)
    assert span.thread == threading.get_native_id()


def test_a_stage_that_fails_leaves_no_span() -> None:
    """An incomplete stage is no measurement."""
    spans: list[RawSpan] = []
    with pytest.raises(ZeroDivisionError):
        run_stage(lambda: 1 // 0, spans, Place(Stage.VIT, ExecutionUnit((0,))), 0, 0)

    assert spans == []


def test_a_slowed_stage_takes_at_least_its_factor() -> None:
    """It goes on computing until the factor is reached, and its result is unchanged."""
    spans: list[RawSpan] = []
    inner: list[RawSpan] = []
    place = Place(Stage.VIT, ExecutionUnit((0,)))

    def work() -> int:
        return run_stage(lambda: len(hashlib.sha256(bytes(1 << 20)).digest()), inner, place, 0, 0)

    assert run_stage(slowed(work, 3.0), spans, place, 0, 0) == 32
    assert span_of(spans[0]).duration_ns >= 3 * span_of(inner[0]).duration_ns


def test_only_the_named_stage_is_slowed() -> None:
    """Every other stage keeps its own function, so nothing else changes."""

    def work() -> None:
        return None

    inject = Inject(stage=Stage.VIT, slow_down=2.0)
    assert injected(work, Stage.PROJECT, inject) is work
    assert injected(work, Stage.VIT, None) is work
    assert injected(work, Stage.VIT, inject) is not work
