"""The layout of an image on the canvases of the three rules, as in the paper's Fig. 3: numbers in, pixels out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lab.records.study import PlacedImage
from lab.report.study.said import caption

SIDE = 300.0
"""Pixels on the page of the longest side of an image's largest canvas; its three canvases share one scale."""

LEAST = 1.0
"""Fewest pixels of a side, so that a strip is seen."""


@dataclass(frozen=True)
class Rectangle:
    """A place on a picture, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Canvas:
    """A canvas with its lines between tiles (vertical and horizontal), and where the image lies on it."""

    whole: Rectangle
    image: Rectangle
    columns: tuple[float, ...]
    rows: tuple[float, ...]
    caption: str


def canvases(image: PlacedImage) -> tuple[Canvas, ...]:
    """Return an image's canvases, one for each rule, all to one scale: their areas may be compared by eye."""
    tiles = max(max(each.placement.columns, each.placement.rows) for each in image.placed)
    found = []
    for each in image.placed:
        at = each.placement
        side = math.isqrt(each.canvas // (at.columns * at.rows))
        scale = SIDE / (tiles * side)

        def sized(pixels: int, scale: float = scale) -> float:
            return round(pixels * scale, 1)

        found.append(
            Canvas(
                whole=Rectangle(0, 0, sized(side * at.columns), sized(side * at.rows)),
                image=Rectangle(
                    sized(at.left),
                    sized(at.top),
                    max(LEAST, sized(at.fit_width)),
                    max(LEAST, sized(at.fit_height)),
                ),
                columns=tuple(sized(side * n) for n in range(1, at.columns)),
                rows=tuple(sized(side * n) for n in range(1, at.rows)),
                caption=caption(each),
            )
        )
    return tuple(found)
