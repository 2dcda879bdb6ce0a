"""The stage function: the only place where the agent times anything.

Reading the four clocks and appending a tuple costs about 3 microseconds, less than half a per cent of a stage
of one millisecond; a benchmark compares it with a bare loop over the same session::

    spans: list[RawSpan] = []
    place = Place(Stage.VIT, unit)
    run_stage(graph.run, spans, place, iteration=0, index=0, true=4, padded=4)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import get_native_id
from time import monotonic_ns
from typing import TypeVar

from device_agents.contract import ROLES, Inject, Span, Stage, Tokens
from device_agents.reference.units import ExecutionUnit

Result = TypeVar("Result")

RawSpan = tuple["Place", int, int, int, int, int, int, int, int]
"""place, iteration, index, start_ns, end_ns, cpu_ns, thread, true count, padded count (0, 0: no count)."""

_BURN = bytes(4096)
"""About 3 microseconds of SHA-256, during which CPython releases its lock (it does above 2047 bytes)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stage and the unit that runs it: everything about its spans that is known in advance."""

    stage: Stage
    unit: ExecutionUnit
    role: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", ROLES[self.stage])


def run_stage(  # noqa: PLR0917  (keywords cost time where every microsecond is counted)
    work: Callable[[], Result],
    spans: list[RawSpan],
    place: Place,
    iteration: int,
    index: int,
    true: int = 0,
    padded: int = 0,
) -> Result:
    """Run `work` once, append its span to `spans`, and return the result.

    The CPU clock is the thread's on a one-core unit and the process's otherwise. It is read before the first
    and after the second wall-clock reading, so the duration does not include its system call. Nothing is
    appended when `work` raises. Safe from several threads at once: appending to a list is atomic.
    """
    cpu_clock = place.unit.cpu_clock
    cpu_before = cpu_clock()
    start = monotonic_ns()
    result = work()
    end = monotonic_ns()
    cpu = cpu_clock() - cpu_before
    spans.append((place, iteration, index, start, end, cpu, get_native_id(), true, padded))
    return result


def slowed(work: Callable[[], Result], factor: float) -> Callable[[], Result]:
    """Return `work` made `factor` times as long by real computation: hashing, on the calling thread.

    The hash releases the interpreter's lock, so that it does not slow the thread of another unit.
    """

    def slower() -> Result:
        start = monotonic_ns()
        result = work()
        until = start + int((monotonic_ns() - start) * factor)
        while monotonic_ns() < until:
            hashlib.sha256(_BURN).digest()
        return result

    return slower


def injected(work: Callable[[], Result], stage: Stage, inject: Inject | None) -> Callable[[], Result]:
    """Return `work` slowed when the job injects a slow-down into `stage`, otherwise `work` itself."""
    return slowed(work, inject.slow_down) if inject is not None and inject.stage is stage else work


def span_of(raw: RawSpan) -> Span:
    """Turn a buffered tuple into the contract's span; called after the iteration, never inside it."""
    place, iteration, index, start, end, cpu, thread, true, padded = raw
    return Span(
        stage=place.stage,
        iteration=iteration,
        index=index,
        start_ns=start,
        duration_ns=end - start,
        role=place.role,
        unit="user" if place.stage is Stage.FIRST_TOKEN else place.unit.label,
        thread=thread,
        cpu_ns=cpu,
        count=Tokens(true=true, padded=padded) if padded else None,
    )
