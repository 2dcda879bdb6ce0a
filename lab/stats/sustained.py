"""The rate of a long trial over time: its peak, its lasting rate, and the time of the loss.

Rates are computed for windows of a minute, as a user would notice them, in the order of time. Devices rank
differently in the first and the thirtieth minute (microsoft/MegaDetector issue 34), so neither rate stands for the
other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import stdtrit

from lab.errors import NotEnoughData
from lab.records import LEVEL, LOSS, Interval, Sustained, Window
from lab.records.telling import number_of

WINDOW_S = 60.0
"""A minute: sustained performance is usually reported by the minute. Longer if iterations are long."""

ITERATIONS = 3
"""Fewest iterations in a window. A judgement: no single slow iteration may make a peak or a loss."""

WINDOWS = 4
"""Fewest windows for more than the bare curve: the last quarter has to be at least one whole window."""

LASTING = 1 / 4
"""Share at the end of the trial whose rate is the lasting rate."""

STRETCH = 3
"""Windows whose rate together is a peak. A judgement: the best single window is the luckiest of twenty."""

_MOST_LEAN = 0.9
_FLAT = 1e-9
"""Logarithms closer than this are equal: 1 ns in 1 s."""


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
            f"it lasted {_time(lasted)}, which is {number_of(len(windows), 'window')} of {_time(width)}; peak and "
            f"lasting rate take {WINDOWS}"
        )
        return Sustained(trial, cell, unit, width, windows, None, None, None, None, None, why)
    found = _loss(windows)
    peak = windows[found.begin : found.begin + found.size]
    lost = found.ratio.high is not None and found.ratio.high < 1
    return Sustained(
        trial=trial,
        cell=cell,
        unit=unit,
        window_s=width,
        windows=windows,
        peak=_rate(peak),
        peak_at_s=peak[0].start_s,
        lasting=_rate(windows[-_last(windows) :]),
        ratio=found.ratio,
        loss_at_s=_loss_at(windows[found.begin + found.size :], _rate(peak)) if lost else None,
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


@dataclass(frozen=True)
class _Loss:
    """The stretch of best windows (`begin`, `size`), and the lasting rate over the rate of that stretch."""

    begin: int
    size: int
    ratio: Interval


def _last(windows: Sequence[Window]) -> int:
    return max(1, round(len(windows) * LASTING))


def _loss(windows: Sequence[Window]) -> _Loss:
    """Find the best stretch before the last quarter, and compare the last quarter with it.

    Student's t on log rates, its level shared by the stretches, because the best of them was looked for. The
    spread is that around a rate that can only fall (isotonic regression): a true loss does not hide itself, and a
    rate that comes back shows that something else came and went. It is widened by the autocorrelation r of what is
    left, (1 + r) / (1 - r), for neighbours that stay for minutes; r is raised by its bias of about 3 / n (Kendall,
    Biometrika 41, 1954).
    """
    last = _last(windows)
    size = min(STRETCH, last)
    logs = np.log([window.rate for window in windows])
    begins = range(0, len(windows) - last - size + 1, size)
    means = [float(logs[begin : begin + size].mean()) for begin in begins]
    best = int(np.argmax(means))
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - half a second, for curves alone

    fitted = isotonic_regression(logs, increasing=False).x
    for pair in (slice(0, 2), slice(-2, None)):  # one window at either end is no level: it may be chance
        fitted[pair] = logs[pair].mean() if np.ptp(fitted[pair]) > _FLAT else fitted[pair]
    left = logs - fitted
    freedom = max(1, len(windows) - len(np.unique(fitted)))
    squares = float((left**2).sum())
    lean = float((left[1:] * left[:-1]).sum()) / squares + 3 / len(windows) if squares > _FLAT**2 else 0.0
    lean = min(max(lean, 0.0), _MOST_LEAN)
    error = math.sqrt(squares / freedom * (1 + lean) / (1 - lean) * (1 / size + 1 / last))
    reach = float(stdtrit(freedom, 1 - (1 - LEVEL) / 2 / len(means))) * error
    middle = float(logs[-last:].mean()) - means[best]
    if reach < _FLAT:
        reach = 0.0
    low, ratio, high = (math.exp(middle + way * reach) for way in (-1, 0, 1))
    return _Loss(begins[best], size, Interval(ratio, low, high, LEVEL, len(windows)))


def _loss_at(windows: Sequence[Window], peak: float) -> float | None:
    """Return the start of the first window that has lost LOSS of the peak, if the next window has too.

    A single slow window may be a moment's load, and nobody knows what would have followed the last one.
    """
    limit = (1 - LOSS) * peak
    for window, following in pairwise(windows):
        if window.rate <= limit and following.rate <= limit:
            return window.start_s
    return None


def _time(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 120 else f"{seconds:.3g} s"
