"""What a study of the tiling rules says: its sentence, its tables, and the published figures beside them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.records import Published
from lab.records.study import GridSet, Placed, PlacedImage, SizeTable, Study
from lab.report.table import Column, Head, Table, table
from lab.report.wording import capital, listing, percent, plain

RULES: Mapping[str, str] = {
    "relaxed": "relaxed matching",
    "llava_next": "LLaVA-NeXT",
    "internvl": "InternVL 1.5",
}
"""A rule's name in sentences: BlueLM-V-3B's own, and the two that its paper compares it with."""

SHORT: Mapping[str, str] = {**RULES, "relaxed": "relaxed", "internvl": "InternVL"}

PAPERS = "3x3"
"""The set of grids behind the paper's statistics (BlueLM-V-3B, arXiv 2411.10640, sec. 5.1)."""

OTHER_IMAGES = "other images (the list of their sizes was not published), shown and never compared"


# --- sentences -----------------------------------------------------------------------------------------


def sentence(study: Study) -> str:
    """Return the answer: relaxed matching against the others on the paper's grids; else a line an image."""
    if not study.tables:
        return "\n".join(map(_image_sentence, study.pictures))
    rows = [(each, _papers(each)) for each in study.tables]
    what = f"{rows[0][0].images:,} images" if len(rows) == 1 else "the images, depending on what they show,"
    relaxed, other = capital(RULES["relaxed"]), RULES["internvl"]
    first = _needs(rows, "llava_next", f"than {RULES['llava_next']} ", f" of {what}")
    second = _needs(rows, "internvl", "", "")
    return plain(f"{relaxed} {first}. Against {other} it {second} (grids {PAPERS}).")


def _needs(rows: Sequence[tuple[SizeTable, GridSet]], other: str, than: str, of: str) -> str:
    """Return how often relaxed matching needs fewer tiles than another rule, and more, and the tokens it takes."""
    pairs = [(table.images, row.pair("relaxed", other)) for table, row in rows]
    fewer = [pair.fewer / images for images, pair in pairs]
    more = [pair.more / images for images, pair in pairs]
    tokens = [row.tokens["relaxed"] / row.tokens[other] - 1 for _, row in rows]
    often = f"for {_often(fewer)}{of} and more for {_often(more)}"
    return f"needs fewer tiles {than}{often}; it takes {_change(tokens)} tokens"


def _change(shares: Sequence[float]) -> str:
    """Return by how much numbers of tokens change: ``3.0 to 6.7 % fewer``, ``from 22 % fewer to 1.2 % more``."""
    low, high = min(shares), max(shares)
    if not any(shares):
        return "as many"
    if high <= 0:
        return f"{_range([-each for each in shares])} fewer"
    if low >= 0:
        return f"{_range(shares)} more"
    return f"from {percent(-low)} fewer to {percent(high)} more"


def _often(shares: Sequence[float]) -> str:
    return _range(shares) if any(shares) else "none"


def _range(shares: Sequence[float]) -> str:
    low, high = share(min(shares)), share(max(shares))
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


def share(of: float) -> str:
    """Return a share as a percentage; one of few images is not told as none."""
    return "< 0.001 %" if 0 < of < 0.00001 else percent(of)


def _image_sentence(image: PlacedImage) -> str:
    words = [f"{each.tokens:,} with {RULES[each.rule]} ({_grid(each)})" for each in image.placed]
    words[0] = words[0].replace(" with", " tokens with", 1)
    return plain(f"{named(image)} takes {listing(words)}.")


def _papers(found: SizeTable) -> GridSet:
    return next(row for row in found.rows if row.grids == PAPERS)


def notes(study: Study, seed: int | None) -> list[str]:
    """Return what a reader must know of the tables; `seed` is that of drawn ones."""
    words = [f"{each.name}: {each.images:,} images: {each.about}" for each in study.tables]
    if seed is not None:
        points = 100 * 1.96 * 0.5 / math.sqrt(study.tables[0].images)  # normal approximation, at a share of 1/2
        words.append(
            f"Drawn with seed {seed}; what they hold is our choice and no survey. A share of the drawn images is "
            f"within {points:.1f} points of its distribution's own (95 %)"
        )
    words.append(
        "Tiles are counted without the thumbnail, tokens with it. InternVL adds none to a single tile, and "
        "chooses from all grids of at most 9 tiles beside 3x3, of at most 16 beside 4x4"
    )
    return words


def warnings(study: Study) -> list[str]:
    """Return the rows that were left out, and the images for which the published rule chooses nothing."""
    words = []
    for each in study.tables:
        if each.bad:
            more = f"; and {each.bad - len(each.left_out):,} more" if each.bad > len(each.left_out) else ""
            words.append(f"{each.name}: left out {each.bad:,} of its rows: {'; '.join(each.left_out)}{more}")
        if nothing := max(row.nothing for row in each.rows):
            words.append(
                f"{each.name}: for {nothing:,} of the images relaxed matching as published chooses no grid: "
                "their short side scales to 0 pixels. Counted with LLaVA-NeXT's choice (docs/adr/0005)"
            )
    return words


def published_lines(figures: Sequence[Published]) -> list[str]:
    """Return the paper's own counts, one line each under its name; none where there is no figure."""
    if not figures:
        return []
    images = next(each.value for each in figures if each.metric == "images")
    lines = [f"{figures[0].source.partition(':')[0]}: {OTHER_IMAGES}"]
    for each in figures:
        if each.metric == "images":
            continue
        rule, than = (SHORT[str(each.parameters[name])] for name in ("rule", "than"))
        count = f"{each.value:,.0f} of about {images:,.0f} images ({percent(each.value / images)}, derived)"
        lines.append(f"  {each.kind}: {rule} needs {each.metric} tiles than {than} for {count}. {each.note}")
    return lines


# --- tables --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    """A row of both tables; only the first of a table of sizes bears its name."""

    of: SizeTable
    row: GridSet
    first: bool


def _lines(study: Study) -> list[_Line]:
    return [_Line(each, row, row is each.rows[0]) for each in study.tables for row in each.rows]


def _heads() -> list[Column[_Line]]:
    return [
        Column(Head("images", "words"), lambda line: line.of.name if line.first else ""),
        Column(Head("grids", "whole"), lambda line: line.row.grids),
    ]


def pairs_table(study: Study) -> Table:
    """Return how often each rule needs fewer tiles than another one, and more."""

    def column(rule: str, than: str) -> Column[_Line]:
        def text(line: _Line) -> str:
            pair = line.row.pair(rule, than)
            return f"{share(pair.fewer / line.of.images)} / {share(pair.more / line.of.images)}"

        return Column(Head(f"{SHORT[rule]} than {SHORT[than]}"), text)

    pairs = [column(a, b) for a, b in itertools.combinations(RULES, 2)]
    return table(
        [*_heads(), *pairs],
        _lines(study),
        title="Images for which a rule needs fewer / more tiles than another one",
    )


def tokens_table(study: Study) -> Table:
    """Return the tokens an image by rule, and how many relaxed matching saves."""

    def mean(rule: str) -> Column[_Line]:
        return Column(Head(SHORT[rule]), lambda line: f"{line.row.tokens[rule] / line.of.images:,.0f}")

    def saved(than: str) -> Callable[[_Line], str]:
        return lambda line: percent(1 - line.row.tokens["relaxed"] / line.row.tokens[than])

    return table(
        [
            *_heads(),
            *map(mean, RULES),
            Column(Head("saved: LLaVA-NeXT"), saved("llava_next")),
            Column(Head("saved: InternVL"), saved("internvl")),
        ],
        _lines(study),
        title="Tokens an image, and what relaxed matching saves against the others",
    )


def pictures_table(study: Study) -> Table:
    """Return where each rule places each image."""
    placed = [(image, each) for image in study.pictures for each in image.placed]
    columns: list[Column[tuple[PlacedImage, Placed]]] = [
        Column(Head("image", "words"), lambda of: named(of[0]) if of[1] is of[0].placed[0] else ""),
        Column(Head("rule", "whole"), lambda of: SHORT[of[1].rule]),
        Column(Head("grid"), lambda of: _grid(of[1])),
        Column(Head("canvas"), lambda of: canvas(of[1])),
        Column(Head("wasted"), lambda of: wasted(of[1])),
        Column(Head("tokens"), lambda of: f"{of[1].tokens:,}"),
    ]
    grids = study.pictures[0].grids if study.pictures else ""
    return table(columns, placed, title=f"Single images on the grids {grids}, each canvas in pixels")


def named(image: PlacedImage) -> str:
    """Return an image's name, with its size where that is another."""
    size = f"{image.width}x{image.height}"
    return size if image.name == size else f"{image.name} ({size})"


def _grid(each: Placed) -> str:
    return f"{each.placement.columns}:{each.placement.rows}"


def canvas(each: Placed) -> str:
    """Return the canvas in pixels."""
    tile = math.isqrt(each.canvas // (each.placement.columns * each.placement.rows))
    return f"{tile * each.placement.columns}x{tile * each.placement.rows}"


def wasted(each: Placed) -> str:
    """Return the share of the canvas that shows nothing of the image: padding, and pixels made by enlarging it."""
    parts = [
        f"{percent(pixels / each.canvas)} {word}"
        for pixels, word in ((each.black, "black"), (each.enlarged, "enlarged"))
        if pixels
    ]
    return " + ".join(parts) or "none"


def caption(each: Placed) -> str:
    """Return what stands below a picture."""
    tiles = f"{_grid(each)}, {each.tiles} {'tile' if each.tiles == 1 else 'tiles with the thumbnail'}"
    return f"{capital(RULES[each.rule])}: {tiles}, {each.tokens:,} tokens; wasted: {wasted(each)}"
