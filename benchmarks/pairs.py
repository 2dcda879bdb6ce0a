"""Time two pieces of work against each other in one process, in ABBA order."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from time import monotonic_ns

from lab.records import Interval
from lab.stats.compare import MIN_PAIRS, ratio, robust_ratio

Work = Callable[[], object]

CORES = tuple(sorted(os.sched_getaffinity(0)))
"""The cores of this process, read before anything pins a thread to one of them."""


def alternate(a: Work, b: Work, pairs: int, warmup: int = 3) -> tuple[dict[int, float], dict[int, float]]:
    """Time a and b in turn, ABBA ABBA ...; return the seconds of each by pair. Slow drift affects both equally."""
    for _ in range(warmup):
        a()
        b()
    seconds: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            seconds[which][pair] = timed(a if which == 0 else b)
    return seconds


def timed(work: Work) -> float:
    """Return the seconds that one call takes."""
    start = monotonic_ns()
    work()
    return (monotonic_ns() - start) * 1e-9


def a_over_b(a: Work, b: Work, pairs: int) -> Interval:
    """Return the ratio of their times: Hodges-Lehmann over many pairs, Student's t on logs over few.

    All pairs come from one process: the interval is about this process, like the claim.
    """
    first, second = alternate(a, b, pairs)
    if pairs < MIN_PAIRS:
        return ratio(first, second)
    return robust_ratio([first[pair] / second[pair] for pair in first])


def told(interval: Interval) -> str:
    """Return ``1.003 (95 % interval 0.998 to 1.008, 240 pairs)``."""
    return (
        f"{interval.estimate:.3f} ({interval.level:.0%} interval {interval.low:.3f} to {interval.high:.3f}, "
        f"{interval.n} pairs)"
    )


def machine() -> str:
    """Describe this machine, for the log."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in open("/proc/cpuinfo", encoding="utf-8")  # noqa: SIM115, PTH123 - read once
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{model}, {len(CORES)} cores, Python {platform.python_version()}"
