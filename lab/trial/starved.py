"""Trials that did not get the CPU: evidence about the machine, not about the build."""

from __future__ import annotations

from collections.abc import Iterable

from device_agents.contract import Span, Stage
from lab.records.telling import shares
from lab.trial.placement import is_cpu
from lab.trial.timing import GAP_FLOOR_NS

FROM_FILES = {Stage.LOAD, Stage.SWAP, Stage.UNLOAD}
"""Stages that wait for a disk and not for the CPU; they are not judged."""

ON_ALL_CORES = {Stage.PATCH_EMBED, Stage.VIT, Stage.PROJECT, Stage.PREFILL, Stage.DECODE}
"""Stages that run a graph: a thread on each core of the unit, and threads that wait spin (PROTOCOL.md)."""

MOST_CORES = 2
"""How many cores of a unit are asked for: no machine with more was measured (docs/adr/0021)."""


def starved(work: Iterable[Span], least: float) -> str:
    """Return how little CPU time a trial got, in words; empty where its figure rests on iterations that had it.

    `work` are the spans of work of all measured iterations. An iteration is starved when its spans on CPU units
    had less than `least` of the CPU time of the cores that they should keep busy, and lost more than 10 ms. A
    trial is starved when half of its iterations are, because then the median that stands for it is. Durations that
    a foreign tool printed have no CPU time and are no evidence.
    """
    times = _times(work)
    short = [(cpu, wanted) for cpu, wanted in times if wanted - cpu > GAP_FLOOR_NS and cpu < least * wanted]
    if not short or 2 * len(short) < len(times):
        return ""
    cpu_s, wanted_s = sum(cpu for cpu, _ in short) / 1e9, sum(wanted for _, wanted in short) / 1e9
    found, wanted = shares(cpu_s / wanted_s, least)
    digits = 1 if wanted_s >= 1 else 3
    of = f"{len(short)} of {len(times)} iterations" if len(times) > 1 else "it"
    return (
        f"{of} had {cpu_s:.{digits}f} of {wanted_s:.{digits}f} s of CPU time ({found}, "
        f"wanted at least {wanted}): something else had the cores"
    )


def _times(work: Iterable[Span]) -> list[tuple[int, int]]:
    """Return for each iteration the CPU time that its spans had, and that they should have had, in nanoseconds."""
    found: dict[int, tuple[int, int]] = {}
    for span in work:
        own = span.parent is None and span.source == "measured" and is_cpu(span.unit)
        if own and span.stage not in FROM_FILES:
            several = span.stage in ON_ALL_CORES and ("-" in span.unit or "," in span.unit)  # cpu0-1, cpu0,2
            most = span.duration_ns * (MOST_CORES if several else 1)
            cpu, wanted = found.get(span.iteration, (0, 0))
            found[span.iteration] = cpu + min(span.cpu_ns, most), wanted + most
    return list(found.values())
