"""A history as a small PNG: mail programs show neither SVG nor scripts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

WIDTH, HEIGHT = 560, 88
"""Pixels; a mail shows it at half of that, so that it is sharp on a phone."""

_COLOURS = bytes((255, 255, 255, 74, 128, 206, 214, 69, 54, 128, 137, 148))
"""Background (transparent), nights before, nights since the change, the usual level: for light and dark."""


def history_png(values: Sequence[float], usual: float, since: int) -> bytes:
    """Return the picture of finite values, those from the index `since` on in another colour."""
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    low, high = min(*values, usual), max(*values, usual)
    places = np.linspace(4, WIDTH - 5, len(values))
    columns = np.arange(4, WIDTH - 4)
    heights = np.interp(columns, places, values)
    tops = HEIGHT - 7 - np.rint((np.array([*heights, usual]) - low) / ((high - low) or 1.0) * (HEIGHT - 14))
    rows = tops.astype(int)
    drawn[rows[-1] : rows[-1] + 2, 4:-4:3] = 3
    change = places[since] if since < len(values) else WIDTH
    for column, row, before in zip(columns, rows, [rows[0], *rows[:-2]], strict=False):
        first, last = sorted((int(row), int(before)))
        drawn[first - 1 : last + 2, column] = 2 if column >= change else 1
    raw = b"".join(b"\0" + line.tobytes() for line in drawn)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)),
        (b"PLTE", _COLOURS),
        (b"tRNS", b"\0"),
        (b"IDAT", zlib.compress(raw, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
