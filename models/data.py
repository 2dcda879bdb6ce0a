"""Generated phone screens and documents, with questions whose answers stand on the page.

    python -m models.data --split held-out --count 8 --out folder      # look at some

A page is drawn from a seed and a layout: how its labels and values are arranged. The splits share neither, so
a model is judged on arrangements it never saw. Answers are drawn at random and cannot be guessed from the
question. The sizes differ as screens, receipts, tables and tickers do: small text on tall screens and wide
strips, the cases that tell the tiling rules apart (BlueLM-V-3B, arXiv 2411.10640, sec. 3.2).
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from PIL import Image

from device_agents import ending
from models.images import RGB8
from models.ink import Box, Colour, Text, draw, width

T = TypeVar("T")
Split = Literal["train", "validation", "held-out"]
LAYOUTS: dict[Split, range] = {"train": range(64), "validation": range(64, 72), "held-out": range(72, 96)}
"""The layouts of each split, within every family of pages."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LABELS = _words(
    """
    Account Address Alarm Altitude Amount Arrival Balance Battery Bearing Bonus Booking Branch Brightness
    Budget Cabin Calories Camera Carrier Channel Charge Class Code Coins Contrast Counter Coupon Credit
    Customer Deadline Deposit Depth Discount Distance Duration Energy Engine Entry Exit Extension Fee Flight
    Folder Format Frame Fuel Gate Goal Grade Group Heading Height Humidity Index Input Interest Invoice
    Journey Key Label Language Layer Length Level Limit Lines Locker Memory Meter Mileage Minutes Mode Model
    Number Offer Orders Output Page Parcel Passport Period Pin Platform Points Port Pressure Price Profile
    Pulse Quantity Quota Radius Rank Rate Record Reference Refund Region Rent Reserve Result Room Route Salary
    Sample Score Seat Section Serial Service Shelf Signal Size Sleep Speed Stage Status Steps Storage Street
    Subtotal Supply Target Tax Temperature Terminal Ticket Timer Token Total Track Traffic Tray Unit Update
    Usage User Value Version Visitors Volume Voltage Wallet Weight Width Wind Window Zone
    """
)

NAMES = _words(
    """
    Ada Alan Alma Amir Anna Bela Boris Carla Chen Clara Dana David Diego Edith Elena Emil Farid Fiona Gita
    Greta Hana Hugo Ines Iris Ivan Jade Jonas Kira Klaus Lena Lars Linus Maya Mina Nadia Nils Nora Olga Omar
    Paula Pedro Petra Rosa Rita Sara Sven Tara Theo Tilda Ugo Vera Viktor Wanda Wei Xenia Yara Yusuf Zara Zeno
    Zoe
    """
)

WORDS = _words(
    """
    amber apple arrow basil beach berry blade bread brick brush cabin candle carbon cedar chalk cherry cliff
    cloud clover cobalt copper coral cotton crane daisy delta ember fern field flint forest garden ginger
    glass grape grove harbor hazel honey indigo island ivory jasper juniper kettle lagoon lantern laurel lemon
    lilac linen lotus maple marble meadow melon mint mosaic nectar oasis olive onyx opal orbit orchid otter
    paper pearl pebble pepper pine planet plum pond poppy prairie prism quartz rain raven reed ribbon river
    robin rose ruby saffron sage salmon sand scarlet shell silver slate spruce stone storm sugar summit sunset
    thistle tiger topaz tulip tundra valley velvet violet walnut water willow winter
    """
)

SYMBOLS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Characters of codes, without those that look alike: I and 1, O and 0."""

DARK: tuple[Colour, ...] = ((20, 22, 28), (36, 38, 44), (12, 30, 60), (60, 16, 30))
LIGHT: tuple[Colour, ...] = ((255, 255, 255), (241, 243, 247), (250, 244, 230), (228, 240, 236))


@dataclass(frozen=True)
class Question:
    """A question about a page, its exact answer, and the kind of answer."""

    text: str
    answer: str
    kind: str


@dataclass(frozen=True)
class Page:
    """A page before it is drawn; sizes in pixels."""

    width: int
    height: int
    paper: Colour
    boxes: tuple[Box, ...]
    texts: tuple[Text, ...]
    questions: tuple[Question, ...]
    layout: str

    @property
    def pixels(self) -> RGB8:
        """Draw the page -> RGB8 [height, width, 3]."""
        return draw(self.width, self.height, self.paper, self.boxes, self.texts)


class Dice(random.Random):
    """A seeded source whose choices rest on `random()` alone, the one stream Python keeps between versions."""

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1."""
        return int(self.random() * n)

    def between(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`."""
        return low + self.below(high - low + 1)

    def one(self, among: Sequence[T]) -> T:
        """Return one of several."""
        return among[self.below(len(among))]

    def several(self, among: Sequence[T], n: int) -> list[T]:
        """Return `n` different ones in random order."""
        left = list(among)
        return [left.pop(self.below(len(left))) for _ in range(n)]


def value(dice: Dice) -> tuple[str, str]:
    """Draw a value and its kind; its label does not tell them."""
    kind = dice.one(("number", "percent", "time", "price", "word", "code"))
    made = {
        "number": lambda: str(dice.between(10, 9999)),
        "percent": lambda: f"{dice.between(1, 99)}%",
        "time": lambda: f"{dice.between(0, 23)}:{dice.between(0, 59):02d}",
        "price": lambda: f"{dice.between(1, 99)}.{dice.between(0, 99):02d}",
        "word": lambda: dice.one(WORDS),
        "code": lambda: "".join(dice.one(SYMBOLS) for _ in range(4)),
    }[kind]()
    return made, kind


@dataclass
class Draft:
    """A page while it is composed: what it holds so far, and the dice of its layout (`style`) and of itself."""

    family: str
    width: int
    height: int
    size: int
    ink: Colour
    grey: Colour
    style: Dice
    dice: Dice
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def put(self, x: int, y: int, words: str, *, grey: bool = False) -> None:
        """Add a line of text."""
        self.texts.append(Text(x, y, self.size, words, self.grey if grey else self.ink))

    def ask(self, text: str, answer: str, kind: str) -> None:
        """Add a question."""
        self.questions.append(Question(text, answer, kind))

    def clock(self) -> str:
        """Draw a time of day."""
        return f"{self.dice.between(0, 23)}:{self.dice.between(0, 59):02d}"


@dataclass(frozen=True)
class Arranged:
    """How the fields of a page are arranged: one arrangement for all of them."""

    where: str
    colon: bool
    grey: bool
    indent: int


def put_field(draft: Draft, how: Arranged, at: tuple[int, int, int], label: str) -> None:
    """Put a label and a value into the cell `at` (x, y, width)."""
    x, y, room = at
    size, name = draft.size, label + ":" * how.colon
    made, kind = value(draft.dice)
    beside = x + width(name, size) + size
    draft.put(x, y, name, grey=how.grey)
    if how.where == "below":
        draft.put(x, y + round(1.35 * size), made)
    elif how.where == "beside":
        draft.put(beside, y, made)
    else:
        draft.put(max(x + room - width(made, size), beside), y, made)
    draft.ask(f"What is the {label}?", made, kind)


def put_message(draft: Draft, how: Arranged, at: tuple[int, int, int], name: str) -> None:
    """Put a name, what it wrote and when into the cell `at`."""
    x, y, room = at
    said, when = f"{draft.dice.one(WORDS)} {draft.dice.one(WORDS)}", draft.clock()
    draft.put(x + how.indent, y, name, grey=True)
    draft.put(x + how.indent, y + round(1.35 * draft.size), said)
    draft.put(x + room - width(when, draft.size), y, when, grey=True)
    draft.ask(f"What did {name} write?", said, "words")
    draft.ask(f"When did {name} write?", when, "time")


def fill_cells(draft: Draft, top: int) -> None:
    """Fill the page below `top` with fields or messages in the layout's columns."""
    style, dice, size = draft.style, draft.dice, draft.size
    chat = draft.family == "chat"
    margin, pitch = size * style.between(1, 2), round(size * style.between(30, 42) / 10)
    inner = draft.width - 2 * margin
    columns = {"phone": 1 + (style.random() < 0.3), "page": 2, "strip": 99}.get(draft.family, 1)
    columns = min(columns, max(1, inner // (13 * size)))  # a label and a value are at most about 12 sizes wide
    how = Arranged(
        where=style.one(("right", "right", "beside", "below")),
        colon=style.random() < 0.5,
        grey=style.random() < 0.5,
        indent=style.below(3) * size,
    )
    lined = style.random() < 0.5
    room = inner // columns - (size if columns > 1 else 0)
    most = min(max(1, (draft.height - top - size) // pitch) * columns, 24)
    shown = dice.between(max(1, most // 2), most)
    top += dice.below(max(1, draft.height - top - size - -(-shown // columns) * pitch))
    for i, name in enumerate(dice.several(NAMES if chat else LABELS, shown)):
        x, y = margin + (i % columns) * (inner // columns), top + (i // columns) * pitch
        (put_message if chat else put_field)(draft, how, (x, y, room), name)
        if lined:
            draft.boxes.append(Box(x, y + pitch - size // 2, room, max(1, size // 14), draft.grey))


def fill_table(draft: Draft, top: int) -> None:
    """Fill the page with a table: names down, labels across."""
    style, dice, size = draft.style, draft.dice, draft.size
    margin, pitch = size * style.between(1, 2), round(size * style.between(17, 26) / 10)
    columns = max(1, min(4, (draft.width - 2 * margin) // (9 * size) - 1))
    rows = max(1, min(8, (draft.height - top - size) // pitch - 1))
    top += dice.below(max(1, draft.height - top - size - (rows + 1) * pitch))
    heads, names = dice.several(LABELS, columns), dice.several(NAMES, rows)
    step = (draft.width - 2 * margin) // (columns + 1)
    for c, head in enumerate(heads, start=1):
        draft.put(margin + c * step, top, head, grey=True)
    for r, name in enumerate(names, start=1):
        draft.put(margin, top + r * pitch, name)
        for c, head in enumerate(heads, start=1):
            made, kind = value(dice)
            draft.put(margin + c * step, top + r * pitch, made)
            draft.ask(f"What is the {head} of {name}?", made, kind)


def put_status_bar(draft: Draft) -> None:
    """Put the clock and the battery level at the top of a phone's screen."""
    size, clock, level = draft.size, draft.clock(), f"{draft.dice.between(1, 99)}%"
    draft.put(size, size // 2, clock)
    draft.put(draft.width - size - width(level, size), size // 2, level)
    draft.ask("What time is it?", clock, "time")
    draft.ask("What is the battery level?", level, "percent")


FAMILIES = ("phone", "chat", "receipt", "table", "strip", "page", "card")
"""Kinds of page, equally often."""

SIZES = {
    "receipt": ((300, 600), (520, 1400)),
    "table": ((500, 300), (1500, 800)),
    "strip": ((500, 60), (2400, 180)),
    "page": ((600, 800), (1100, 1500)),
    "card": ((220, 60), (400, 400)),
}
"""Least and greatest width and height in pixels of the pages that are no phone's screen."""


def size_of(family: str, dice: Dice) -> tuple[int, int]:
    """Draw a page's width and height in pixels; a phone's screen is 360 wide at one pixel a point."""
    if family in ("phone", "chat"):
        density, tall = dice.one((1.0, 1.5, 2.0, 3.0)), dice.one((640, 780, 800))
        return round(360 * density), round(tall * density)
    (narrow, low), (wide, high) = SIZES[family]
    return dice.between(narrow, wide), dice.between(low, high)


SMALLEST = 16
"""Least height of text in pixels, once the longest side is at most four tiles: a judgement."""


def samples(seed: int, split: Split, count: int) -> Iterator[Page]:
    """Yield the first `count` pages of a split."""
    return (page(split, seed, index) for index in range(count))


def page(split: Split, seed: int, index: int) -> Page:
    """Return page `index` of a split's endless stream; each is drawn from (split, seed, index) alone."""
    dice = Dice(f"{split} {seed} {index}")
    family, layout = dice.one(FAMILIES), dice.one(LAYOUTS[split])
    wide, high = size_of(family, dice)
    light = dice.random() < 0.7
    paper = dice.one(LIGHT if light else DARK)
    ink, grey = ((28, 31, 38), (96, 102, 114)) if light else ((245, 246, 248), (170, 176, 186))
    size = round(dice.between(SMALLEST, SMALLEST + 8) * max(1.0, max(wide, high) / 1536))
    size = min(size, max(SMALLEST, wide // 14))
    draft = Draft(family, wide, high, size, ink, grey, Dice(f"{family} {layout}"), dice)
    screen = family in ("phone", "chat")
    if screen:
        put_status_bar(draft)
    (fill_table if family == "table" else fill_cells)(draft, round(2.5 * size) if screen else size // 2)
    return Page(
        wide, high, paper, tuple(draft.boxes), tuple(draft.texts), tuple(draft.questions), f"{family} {layout}"
    )


def main() -> int:
    """Draw pages from the command line, each with its questions; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.data", description=__doc__)
    parser.add_argument("--split", choices=list(LAYOUTS), default="train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(samples(arguments.seed, arguments.split, arguments.count)):
        Image.fromarray(one.pixels).save(arguments.out / f"{number:04d}.png")
        asked = "".join(f"{question.text}\t{question.answer}\n" for question in one.questions)
        (arguments.out / f"{number:04d}.tsv").write_text(asked, encoding="utf-8")
    return 0


if __name__ == "__main__":
    ending.run("data", main)
