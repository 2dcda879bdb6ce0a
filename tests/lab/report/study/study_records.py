"""Studies made by hand."""

from __future__ import annotations

from device_agents.contract import Placement
from lab.records.study import GridSet, Placed, PlacedImage, RulePair, SizeTable, Study

RULES = ("relaxed", "llava_next", "internvl")


def grid_set(
    tokens: tuple[int, int, int], than_llava: tuple[int, int], than_internvl: tuple[int, int], nothing: int = 0
) -> GridSet:
    """Return the rules on 3x3; a pair is (fewer, more)."""
    return GridSet(
        "3x3",
        dict(zip(RULES, tokens, strict=True)),
        (
            RulePair("relaxed", "llava_next", *than_llava),
            RulePair("relaxed", "internvl", *than_internvl),
            RulePair("llava_next", "internvl", 0, 0),
        ),
        nothing,
    )


def size_table(row: GridSet, *, images: int = 1000, bad: int = 0, name: str = "mine.csv") -> SizeTable:
    """Return a table with one set of grids."""
    left_out = ("line 2: wanted whole numbers, found 'x'",) if bad else ()
    return SizeTable(name, "your table", images, bad, left_out, (row,))


def placed_image(name: str = "wide.png", preview: str = "iVBORw0KGgo=") -> PlacedImage:
    """Return an image of 800x100 pixels: on 2:1 with bars, on 1:1 with bars, and stretched over 2:1."""
    return PlacedImage(
        name,
        800,
        100,
        "4x4",
        preview,
        (
            _placed("relaxed", 2, (768, 96), (0, 144), black=768 * 288),
            _placed("llava_next", 1, (384, 48), (0, 168), black=384 * 336),
            _placed("internvl", 2, (768, 384), (0, 0), enlarged=768 * 384 - 800 * 100),
        ),
    )


def _placed(
    rule: str, columns: int, fit: tuple[int, int], at: tuple[int, int], *, black: int = 0, enlarged: int = 0
) -> Placed:
    placement = Placement(
        rule=rule,
        columns=columns,
        rows=1,
        fit_width=fit[0],
        fit_height=fit[1],
        left=at[0],
        top=at[1],
        order=list(range(columns + 1)),
    )
    return Placed(rule, placement, columns + 1, 196 * (columns + 1), columns * 384 * 384, black, enlarged)


def study_of(*tables: SizeTable, pictures: tuple[PlacedImage, ...] = ()) -> Study:
    """Return a study."""
    return Study(tables, pictures)
