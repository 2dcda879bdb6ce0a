"""Tables of image sizes: a file of the user's, and drawn ones whose distributions stand here."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from models.errors import PrepareError

Counts = npt.NDArray[np.int64]

MOST_PIXELS = 1_000_000
"""Longest side of a table's image. A judgement: the longest scans of maps and slides have some 300,000."""

MOST_IMAGES = 1_000_000_000
"""Most images that one row stands for. A judgement; sums of a table stay within 64 bits."""

FILE_BYTES = 128 << 20
"""Largest table. A judgement: 600,000 rows that begin with a path of 100 characters have half of it."""

TOLD = 20
"""How many of the rows that are left out are named."""

_EXCERPT = 60
"""How many characters of such a row are shown."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of images [n], each with how many images have it; `about` says where they come from.

    `left_out` names the first of the `bad` rows of a file that are no size.
    """

    name: str
    about: str
    widths: Counts
    heights: Counts
    counts: Counts
    bad: int = 0
    left_out: tuple[str, ...] = ()


# --- a file of the user's ------------------------------------------------------------------------------


def read_sizes(path: Path) -> Sizes:
    """Read a table with a header: columns `width` and `height` in pixels, `count` if there is one, others ignored.

    Tabs or commas part the columns, as in the header. A row that is no size is left out and named by its line.
    Raises PrepareError for a file that is no table, or none of whose rows is a size.
    """
    try:
        if not path.is_file():
            raise _refusal(
                path, "something that is no file" if path.exists() else "no such file", "check the path"
            )
        if (size := path.stat().st_size) > FILE_BYTES:
            raise _refusal(path, f"{size:,} bytes", f"split it into tables of at most {FILE_BYTES:,} bytes")
        with path.open("rb") as file:
            return _table(path, file)
    except OSError as error:
        raise _refusal(path, error.strerror or str(error), "check the path and its rights") from error


def _table(path: Path, file: Iterable[bytes]) -> Sizes:
    lines = enumerate(file, start=1)
    part, columns = _header(path, lines)
    rows: list[tuple[int, int, int]] = []
    left_out: list[str] = []
    bad = 0
    for number, line in lines:
        if not line.strip():
            continue
        row = _row(line, part, columns)
        if isinstance(row, str):
            bad += 1
            if bad <= TOLD:
                left_out.append(f"line {number}: {row}")
        else:
            rows.append(row)
    if not rows:
        found = f"none below the header; {left_out[0]}" if left_out else "a header and no row"
        raise _refusal(path, found, "give it a row for each size: 1080,2400")
    widths, heights, counts = np.array(rows, dtype=np.int64).T
    return Sizes(path.name, "your table", widths, heights, counts, bad, tuple(left_out))


def _header(path: Path, lines: Iterator[tuple[int, bytes]]) -> tuple[str, tuple[int, int, int | None]]:
    """Return what parts the columns, and the places of width, height and count."""
    line = next((line for _, line in lines if line.strip()), None)
    if line is None:
        raise _refusal(path, "an empty file", "begin it with the line width,height")
    text = line.decode("utf-8-sig", errors="replace")
    part = "\t" if "\t" in text else ","
    names = [name.strip().lower() for name in _cells(text, part)]
    if "width" not in names or "height" not in names:
        raise _refusal(path, f"the first line {_shown(text)}", "begin it with the line width,height")
    return part, (names.index("width"), names.index("height"), names.index("count") if "count" in names else None)


def _row(line: bytes, part: str, columns: tuple[int, int, int | None]) -> tuple[int, int, int] | str:
    """Return width, height and count; else what is wrong."""
    text = line.decode("utf-8", errors="replace")
    cells = _cells(text, part)
    try:
        width, height = _whole(cells[columns[0]]), _whole(cells[columns[1]])
        count = 1 if columns[2] is None else _whole(cells[columns[2]])
    except (IndexError, ValueError):
        return f"wanted whole numbers, found {_shown(text)}"
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        return f"wanted sides of 1 to {MOST_PIXELS:,} pixels, found {_shown(text)}"
    if not 1 <= count <= MOST_IMAGES:
        return f"wanted a count of 1 to {MOST_IMAGES:,}, found {_shown(text)}"
    return width, height, count


def _whole(cell: str) -> int:
    digits = cell.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise ValueError
    return int(digits)


def _cells(text: str, part: str) -> Sequence[str]:
    """Return the cells of one line: a quote that is never closed costs its own row only."""
    if '"' not in text:
        return text.split(part)
    try:
        return next(csv.reader([text], delimiter=part), [])
    except csv.Error:
        return []


def _shown(text: str) -> str:
    text = text.strip()
    return ascii(text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}...")


def _refusal(path: Path, found: str, remedy: str) -> PrepareError:
    return PrepareError(
        f"{str(path)!r}: wanted a table (CSV or TSV, UTF-8) with the columns width and height in pixels, and "
        f"count where a row stands for several images; found {found}: {remedy}"
    )


# --- drawn tables --------------------------------------------------------------------------------------

Draw = Callable[[Random], tuple[int, int]]
Choice = TypeVar("Choice")

SCREENS = (
    *((720, 1280), (720, 1600), (750, 1334), (1080, 1920), (1080, 2340), (1080, 2400), (1170, 2532), (1179, 2556)),
    *((1260, 2800), (1290, 2796), (1440, 3120), (1440, 3200)),
)
"""Phone screens as their makers list them, e.g. 1260x2800 for the vivo X100; which ones is our judgement."""

LYING = 0.1
"""Share of phone screens that lie on their side: a judgement."""

LONG_SIDES = (640, 800, 1024, 1280, 1600, 1920, 2048, 4000)
"""Long sides of photographs, as sent and as taken (12 megapixels in 4:3 are 4000x3000): a judgement."""

ASPECTS = ((4, 3), (3, 2), (16, 9), (1, 1))
"""Sides of photographs, the usual formats of cameras, in equal shares: a judgement."""

UPRIGHT = 0.3
"""Share of photographs taken upright: a judgement."""

PAPER_MM = ((210.0, 297.0), (215.9, 279.4))
"""A4 (ISO 216) and US Letter (8.5 x 11 inches)."""

DPI = (72, 96, 150, 200, 300)
"""Resolutions of pages, from a screen's to a scanner's: a judgement."""

PAGES, RECEIPTS = 0.6, 0.15
"""Shares of whole pages and of receipts among documents; the rest are lines cut from pages: a judgement."""


def _phone(random: Random) -> tuple[int, int]:
    width, height = _one_of(random, SCREENS)
    return (height, width) if random.random() < LYING else (width, height)


def _photo(random: Random) -> tuple[int, int]:
    long, (a, b) = _one_of(random, LONG_SIDES), _one_of(random, ASPECTS)
    short = round(long * b / a)
    return (short, long) if random.random() < UPRIGHT else (long, short)


def _document(random: Random) -> tuple[int, int]:
    kind = random.random()
    if kind < PAGES:
        width, height = _one_of(random, PAPER_MM)
    elif kind < PAGES + RECEIPTS:
        width, height = 80.0, 100.0 + 300.0 * random.random()
    else:
        return _between(random, 200, 1600), _between(random, 20, 100)
    dots = _one_of(random, DPI) / 25.4
    return round(width * dots), round(height * dots)


def _uniform(random: Random) -> tuple[int, int]:
    return _between(random, 60, 2000), _between(random, 60, 2000)


DRAWN: Mapping[str, tuple[str, Draw]] = {
    "phone screens": (
        f"{len(SCREENS)} screens of phones, 720x1280 to 1440x3200, equally often; one in ten on its side",
        _phone,
    ),
    "photographs": ("long sides of 640 to 4000 pixels; 4:3, 3:2, 16:9 and 1:1; three in ten upright", _photo),
    "documents": (
        "60 % pages, A4 and Letter at 72 to 300 dpi; 15 % receipts, 80 mm wide and 100 to 400 long; 25 % lines "
        "cut from a page, 200 to 1600 by 20 to 100 pixels",
        _document,
    ),
    "uniform": ("both sides drawn evenly from 60 to 2000 pixels", _uniform),
}
"""Name of a drawn table -> its distribution in words, and what draws one size. None is a survey."""


def drawn(name: str, images: int, seed: int) -> Sizes:
    """Draw a table of :data:`DRAWN`; the same name, number and seed give the same sizes everywhere."""
    about, draw = DRAWN[name]
    random = Random(f"{seed} {name}")
    found = np.array([draw(random) for _ in range(images)], dtype=np.int64).T
    return Sizes(name, about, found[0], found[1], np.ones(images, dtype=np.int64))


def _one_of(random: Random, choices: Sequence[Choice]) -> Choice:
    return choices[int(random.random() * len(choices))]


def _between(random: Random, low: int, high: int) -> int:
    return low + int(random.random() * (high - low + 1))
