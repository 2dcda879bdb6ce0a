"""A chart's scale: values to pixels, linear or logarithmic, with its ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable

WIDTH, SMALL = 960.0, 340.0
"""Pixels of every picture, and of the same one laid out for a phone's screen."""

_LOG_FROM = 8.0
"""Ratio of the highest value to the lowest beyond which a scale is logarithmic: a judgement."""


class Scale:
    """Maps values to pixels: linearly, or by logarithm where they span more than `_LOG_FROM`."""

    def __init__(
        self,
        values: Iterable[float],
        left: float,
        right: float,
        *,
        from_zero: bool = False,
        linear: bool = False,
    ) -> None:
        found = sorted(values)
        low, high = found[0], found[-1]
        self.left, self.right = left, right
        self.log = not (from_zero or linear) and high / low > _LOG_FROM
        if from_zero:
            self.low, self.high = 0.0, 1.05 * high
        elif self.log:
            self.low, self.high = low / 1.15, high * 1.15
        else:
            margin = 0.06 * (high - low) or 0.1 * high or 1.0
            self.low, self.high = max(0.0, low - margin), high + margin

    def __call__(self, value: float) -> float:
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.left + share * (self.right - self.left), 1)

    def ticks(self, room: int) -> list[float]:
        """Return round values inside the scale, about `room` of them."""
        return _log_ticks(self.low, self.high, room) if self.log else _linear_ticks(self.low, self.high, room)


def _linear_ticks(low: float, high: float, room: int) -> list[float]:
    rough = (high - low) / room
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [float(f"{index * step:.12g}") for index in range(first, math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float, room: int) -> list[float]:
    """Return 1, 2 and 5 of each decade, only 1, or every n-th decade: the first choice with few enough."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    choices = [
        [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)],
        *([10.0**power for power in range(first, last + 1, each)] for each in range(1, last - first + 2)),
    ]
    inside = [[tick for tick in ticks if low <= tick <= high] for ticks in choices]
    return next((ticks for ticks in inside if len(ticks) <= room), [])
