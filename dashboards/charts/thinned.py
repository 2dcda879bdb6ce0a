"""Fewer points that look the same: the lowest and the highest of every column of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def thinned(at: Sequence[float], values: Sequence[float], most: int) -> list[int]:
    """Return the places of at most `most` points (8 or more) that a chart needs, in order; all if there are fewer.

    `at` rises. Each column of pixels keeps its first, lowest, highest and last point, so that a line looks as if
    it had them all, and the outlier that matters is never thinned away (M4: Jugel and others, VLDB 2014). A value
    that is NaN is a gap: of a column without any other the first stays.
    """
    if len(at) <= most:
        return list(range(len(at)))
    x, y = np.asarray(at, dtype=float), np.asarray(values, dtype=float)
    edges = np.linspace(x[0], x[-1], most // 4 + 1)
    starts = np.unique(np.searchsorted(x, edges[:-1], side="left"))
    kept: set[int] = set()
    for start, end in zip(starts, [*starts[1:], len(x)], strict=True):
        kept |= {int(start), int(end) - 1}
        column = y[start:end]
        if not np.isnan(column).all():
            kept |= {int(start + np.nanargmin(column)), int(start + np.nanargmax(column))}
    return sorted(kept)
