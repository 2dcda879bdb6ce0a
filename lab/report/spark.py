"""A line of numbers as a line of characters, for terminals and logs."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
NONE, BAD = "·", "x"


def spark(values: Sequence[float | None], *, width: int, bad: Sequence[bool] = (), level: bool = False) -> str:
    """Return one character for each value, low to high; ``·`` where it is None, ``x`` where `bad`.

    More values than `width` share characters: each shows the highest of its values, or ``x`` if any is bad.
    Equal values get bars of half the height. With `level` all values do: the text beside them prints one value.
    """
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known and not level else (0.0, 0.0)
    each = -(-len(values) // width) or 1
    return "".join(
        _bar(values[i : i + each], any(bad[i : i + each]), low, high) for i in range(0, len(values), each)
    )


def _bar(values: Sequence[float | None], bad: bool, low: float, high: float) -> str:
    known = [value for value in values if value is not None]
    if bad:
        return BAD
    if not known:
        return NONE
    share = 0.5 if math.isclose(high, low) else (max(known) - low) / (high - low)
    return BARS[min(len(BARS) - 1, int(share * len(BARS)))]
