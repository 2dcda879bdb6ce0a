"""The rate of a long trial over time: its peak, its lasting rate, and the time of the loss.

Rates are computed for windows of a minute, as a user would notice them, in the order of time. Devices rank
differently in the first and the thirtieth minute (microsoft/MegaDetector issue 34), so neither rate stands for the
other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from lab.errors import NotEnoughData
from lab.records import Sustained, Window

WINDOW_S = 60.0
"""A minute: sustained performance is usually reported by the minute. Longer if iterations are long."""

ITERATIONS = 3
"""Fewest iterations in a window. A judgement: no single slow iteration may make a peak or a loss."""

WINDOWS = 4
"""Fewest windows for more than the bare curve: the last quarter has to be at least one whole window."""

LASTING = 1 / 4
"""Share at the end of the trial whose rate is the lasting rate."""

LOSS = 0.10
"""Share of the peak rate whose loss is timed."""

PLANNED_S = 1200.0
"""Twenty minutes, after which phones' temperatures were seen to settle; a shorter curve is reported as short."""


def sustained(
    iterations: Sequence[tuple[float, float]],
    *,
    trial: int = 0,
    cell: str = "",
    unit: str = "",
    celsius: Sequence[tuple[float, float]] = (),
    window_s: float = WINDOW_S,
) -> Sustained:
    """Return the curve of one trial with its figures; `iterations` are (start in seconds, rate), in any order.

    Each iteration did the same work, so a window's rate is the harmonic mean of its iterations' rates: work over
    time. The last, unfinished window is left out. `celsius` are (seconds on the same clock, skin temperature).
    Raises `NotEnoughData` without an iteration, and ValueError for a rate that is not finite and above zero.
    """
    if not iterations:
        raise NotEnoughData("wanted a curve over time, found no measured iteration")
    ordered = sorted(iterations)
    if not all(math.isfinite(rate) and rate > 0 and math.isfinite(start) for start, rate in ordered):
        raise ValueError("wanted rates that are finite and above zero, found one that is not")
    begin = ordered[0][0]
    width = _width([start - begin for start, _ in ordered], window_s)
    windows = _windows(
        [(start - begin, rate) for start, rate in ordered], width, [(t - begin, c) for t, c in celsius]
    )
    lasted = ordered[-1][0] - begin
    if len(windows) < WINDOWS:
        why = (
            f"it lasted {_time(lasted)}, which is {len(windows)} windows of {_time(width)}; peak and lasting rate "
            f"take {WINDOWS}"
        )
        return Sustained(trial, cell, unit, width, windows, None, None, None, None, None, why)
    best = max(range(len(windows)), key=lambda index: windows[index].rate)
    peak = windows[best].rate
    lasting = _rate(windows[-max(1, round(len(windows) * LASTING)) :])
    return Sustained(
        trial=trial,
        cell=cell,
        unit=unit,
        window_s=width,
        windows=windows,
        peak=peak,
        peak_at_s=windows[best].start_s,
        lasting=lasting,
        ratio=lasting / peak,
        loss_at_s=_loss(windows, best),
        why="",
    )


def _width(starts: Sequence[float], wanted_s: float) -> float:
    """Return the width of a window: `wanted_s`, or as many times that as ITERATIONS typical iterations take."""
    if len(starts) < 2:
        return wanted_s
    typical = (starts[-1] - starts[0]) / (len(starts) - 1)
    return wanted_s * max(1, math.ceil(ITERATIONS * typical / wanted_s))


def _windows(
    iterations: Sequence[tuple[float, float]], width: float, celsius: Sequence[tuple[float, float]]
) -> tuple[Window, ...]:
    """Return the complete windows, without those in which no iteration began (a stall)."""
    found: list[Window] = []
    for index in range(int(iterations[-1][0] // width)):
        low, high = index * width, (index + 1) * width
        rates = [rate for start, rate in iterations if low <= start < high]
        if not rates:
            continue
        skins = [value for at, value in celsius if low <= at < high]
        mean = sum(skins) / len(skins) if skins else None
        found.append(Window(low, len(rates) / sum(1 / rate for rate in rates), len(rates), mean))
    return tuple(found)


def _rate(windows: Sequence[Window]) -> float:
    return sum(w.iterations for w in windows) / sum(w.iterations / w.rate for w in windows)


def _loss(windows: Sequence[Window], best: int) -> float | None:
    """Return the start of the first window after the peak that has lost LOSS, if the next window has too.

    A single slow window may be a moment's load, and nobody knows what would have followed the last one.
    """
    limit = (1 - LOSS) * windows[best].rate
    for window, following in pairwise(windows[best + 1 :]):
        if window.rate <= limit and following.rate <= limit:
            return window.start_s
    return None


def _time(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 120 else f"{seconds:.3g} s"
