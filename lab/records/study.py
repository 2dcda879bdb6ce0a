"""A study of the tiling rules: what each would do with images of given sizes. Computed, never measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_agents.contract import Placement


@dataclass(frozen=True)
class RulePair:
    """How many images `rule` cuts into fewer tiles than the rule `than`, and into more; thumbnails not counted."""

    rule: str
    than: str
    fewer: int
    more: int


@dataclass(frozen=True)
class GridSet:
    """The rules on one set of grids: tokens of all images by rule, thumbnails included, and each pair of rules.

    For `nothing` images the published relaxed rule chooses no grid, and LLaVA-NeXT's choice stands in (ADR 5).
    """

    grids: str
    tokens: Mapping[str, int]
    pairs: tuple[RulePair, ...]
    nothing: int

    def pair(self, rule: str, than: str) -> RulePair:
        """Return how a rule compares with another one."""
        return next(each for each in self.pairs if (each.rule, each.than) == (rule, than))


@dataclass(frozen=True)
class SizeTable:
    """A table of image sizes: how many `images`, the `bad` rows that were left out, and each set of grids."""

    name: str
    about: str
    images: int
    bad: int
    left_out: tuple[str, ...]
    rows: tuple[GridSet, ...]


@dataclass(frozen=True)
class Placed:
    """An image as one rule places it: its tiles and tokens, thumbnail included.

    Of the canvas's pixels, `black` are padding, and `enlarged` more than the image itself has.
    """

    rule: str
    placement: Placement
    tiles: int
    tokens: int
    canvas: int
    black: int
    enlarged: int


@dataclass(frozen=True)
class PlacedImage:
    """One image as the three rules place it; `preview` is a small PNG in base64, empty for a bare size."""

    name: str
    width: int
    height: int
    grids: str
    preview: str
    placed: tuple[Placed, ...]


@dataclass(frozen=True)
class Study:
    """Tables of image sizes, and single images."""

    tables: tuple[SizeTable, ...]
    pictures: tuple[PlacedImage, ...]
