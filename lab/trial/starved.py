"""Trials that did not get the CPU: evidence about the machine, not about the build."""

from __future__ import annotations

from collections.abc import Iterable

from device_agents.contract import Span, Stage
from lab.trial.placement import is_cpu
from lab.trial.timing import GAP_FLOOR_NS

FROM_FILES = {Stage.LOAD, Stage.SWAP, Stage.UNLOAD}
"""Stages that wait for a disk and not for the CPU; they are not judged."""


def starved(work: Iterable[Span], least: float) -> str:
    """Return how little CPU time a trial got, in words; empty where its figure rests on iterations that had it.

    `work` are the spans of work of all measured iterations. An iteration is starved when its spans on CPU units
    used less than `least` of their time, and lost more than 10 ms. A trial is starved when half of its iterations
    are, because then the median that stands for it is. A span counts for one core at most: several cores that
    worked show that at least one was there. CPU time that a foreign tool did not print is no evidence.
    """
    times = _times(work)
    short = [(cpu, wall) for cpu, wall in times if wall - cpu > GAP_FLOOR_NS and cpu < least * wall]
    if not short or 2 * len(short) < len(times):
        return ""
    cpu_s, wall_s = sum(cpu for cpu, _ in short) / 1e9, sum(wall for _, wall in short) / 1e9
    digits = 1 if wall_s >= 1 else 3
    of = f" of {len(short)} starved iterations" if len(short) > 1 else ""
    return (
        f"its work{of} used {cpu_s:.{digits}f} s of CPU time in {wall_s:.{digits}f} s ({100 * cpu_s / wall_s:.0f} %, wanted "
        f"at least {100 * least:g} %): something else had the cores"
    )


def _times(work: Iterable[Span]) -> list[tuple[int, int]]:
    """Return for each iteration the CPU time and the time of the spans that are evidence, in nanoseconds."""
    found: dict[int, tuple[int, int]] = {}
    for span in work:
        if (
            span.parent is None
            and span.source == "measured"
            and is_cpu(span.unit)
            and span.stage not in FROM_FILES
        ):
            cpu, wall = found.get(span.iteration, (0, 0))
            found[span.iteration] = cpu + min(span.cpu_ns, span.duration_ns), wall + span.duration_ns
    return list(found.values())
