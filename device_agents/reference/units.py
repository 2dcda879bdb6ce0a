"""Execution units: named sets of cores that threads can be pinned to."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from device_agents.contract import ErrorClass, Graph, Job
from device_agents.reference.failure import AgentError, bad_job


@dataclass(frozen=True)
class ExecutionUnit:
    """A set of cores that does one thing at a time; `label` is its name in spans, e.g. ``cpu0-1``."""

    cores: tuple[int, ...]
    label: str = field(init=False)
    cpu_clock: Callable[[], int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", label_of(self.cores))
        clock = time.thread_time_ns if len(self.cores) == 1 else time.process_time_ns
        object.__setattr__(self, "cpu_clock", clock)

    def pin(self) -> None:
        """Pin the calling thread to the unit's first core; the runtime's own threads take the others."""
        os.sched_setaffinity(0, {self.cores[0]})


def label_of(cores: Iterable[int]) -> str:
    """Name a set of cores: ``cpu0``, ``cpu0-3``, ``cpu0,2-3``."""
    runs: list[list[int]] = []
    for core in sorted(cores):
        if runs and core == runs[-1][-1] + 1:
            runs[-1].append(core)
        else:
            runs.append([core])
    return "cpu" + ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


Units = dict[Graph, ExecutionUnit]
"""Which unit runs which graph."""


def open_units(job: Job) -> Units:
    """Return the job's execution units by graph.

    Raises :class:`AgentError`: `unit_unavailable` for a core that this process may not use, `bad_job`
    for a core named twice in one unit or a graph without a unit.
    """
    allowed = os.sched_getaffinity(0)
    opened: dict[str, ExecutionUnit] = {}
    for name, unit in job.units.items():
        missing = sorted(set(unit.cores) - allowed)
        if missing:
            raise AgentError(
                ErrorClass.UNIT_UNAVAILABLE,
                f"unit {name!r} wants cores {missing}; this process may use {sorted(allowed)}: "
                "name cores that exist in the job's units",
            )
        if len(set(unit.cores)) != len(unit.cores):
            raise bad_job(f"unit {name!r} names a core twice: {unit.cores}")
        opened[name] = ExecutionUnit(tuple(sorted(unit.cores)))
    unknown = {graph.value: name for graph, name in job.stages.items() if name not in opened}
    if unknown:
        raise bad_job(f"stages name units that the job does not have: {unknown}; it has {sorted(opened)}")
    return {graph: opened[name] for graph, name in job.stages.items()}
