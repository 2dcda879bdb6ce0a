"""The bundled sample picture: an invented phone screen, drawn on demand so that we store no binary.

Uses only integer arithmetic, PCG64's raw stream (which NumPy keeps stable between versions) and Pillow's
built-in bitmap font, so that the same seed and size give the same bytes on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import ImageFont

from models.images import RGB8

Colour = tuple[int, int, int]

SEED = 241110640
"""The default seed: the paper's arXiv number without the dot."""

WIDTH, HEIGHT = 768, 1536
"""The size of the paper's test image (BlueLM-V-3B, arXiv 2411.10640), 2:4 tiles of 384; in layout pixels."""

ADVANCE = 7
"""Dots from letter to letter: one more than the font's own advance, at which wide letters touch."""

FINE = 2
"""The layout is drawn this many times larger, then averaged, to smooth the edges of shapes and letters."""

_PAGE, _CARD, _LINE = (241, 243, 247), (255, 255, 255), (226, 229, 235)
_INK, _GREY, _BLUE, _ORANGE = (28, 31, 38), (116, 122, 134), (40, 98, 226), (240, 138, 36)
_GREEN, _PURPLE = (38, 158, 110), (138, 84, 204)


def draw_screen(width: int = WIDTH, height: int = HEIGHT, seed: int = SEED) -> RGB8:
    """Draw the sample phone screen as RGB8 [height, width, 3]: status bar, photo, chart, messages, navigation.

    The layout is 1:2; another aspect stretches it. The seed moves the mountains and the chart's values.
    Raises ValueError if a side is below 1.
    """
    if width < 1 or height < 1:
        raise ValueError(f"wanted a screen of at least 1x1 pixels, found {width}x{height}")
    random = np.random.PCG64(seed)
    canvas = np.empty((HEIGHT * FINE, WIDTH * FINE, 3), dtype=np.uint8)
    canvas[:] = _PAGE
    _draw_top(canvas)
    _draw_photo(canvas, random)
    _draw_chart(canvas, random)
    _draw_messages(canvas)
    _draw_navigation(canvas)
    return _averaged(_averaged(canvas, height, axis=0), width, axis=1)


def _draw_top(canvas: RGB8) -> None:
    """Draw the status bar and the title."""
    _box(canvas, (0, 0, WIDTH, 152), _CARD)
    _text(canvas, (40, 16), "9:41", _INK, 3)
    for bar in range(4):
        _box(canvas, (570 + 11 * bar, 38 - 7 * bar, 8, 7 + 7 * bar), _INK, 2)
    _text(canvas, (624, 19), "5G", _INK, 2)
    _box(canvas, (664, 18, 60, 28), _INK, 8)
    _box(canvas, (667, 21, 54, 22), _CARD, 6)
    _box(canvas, (670, 24, 38, 16), _GREEN, 4)
    _box(canvas, (726, 26, 4, 12), _INK, 2)
    for step in range(14):
        _box(canvas, (42 + step, 104 - step, 5, 3), _INK)
        _box(canvas, (42 + step, 104 + step, 5, 3), _INK)
    _text(canvas, (84, 82), "A weekend uphill", _INK, 4)
    _disc(canvas, 700, 106, 28, _PURPLE)
    _text(canvas, (680, 89), "AK", _CARD, 3)
    _box(canvas, (0, 150, WIDTH, 2), _LINE)


def _draw_photo(canvas: RGB8, random: np.random.PCG64) -> None:
    """Draw a card with a landscape: sky, sun, three ridges and grain."""
    _box(canvas, (32, 176, 704, 440), _CARD, 28)
    wide, high = 672 * FINE, 336 * FINE
    y = np.arange(high)[:, np.newaxis, np.newaxis]
    top, bottom = np.array([70, 120, 196]), np.array([252, 206, 160])
    photo = np.broadcast_to(top + (bottom - top) * y // high, (high, wide, 3)).copy()
    rows, columns = np.ogrid[:high, :wide]
    distance = (rows - high * 2 // 5) ** 2 + (columns - wide * 2 // 3) ** 2
    glow = np.maximum(0, 100 - distance // 1600)[:, :, np.newaxis]
    photo += glow * glow * (255 - photo) // 14000
    photo[distance < (34 * FINE) ** 2] = (255, 244, 214)
    for depth, colour in enumerate([(132, 146, 182), (84, 110, 128), (38, 72, 62)]):
        ridge = high * (50 + 15 * depth) // 100 + _ridge(random, wide, 46 - 10 * depth)
        shade = np.maximum(0, rows - ridge[np.newaxis, :]) // (5 * FINE)
        hill = np.array(colour) + shade[:, :, np.newaxis] // 2
        photo = np.where((rows >= ridge)[:, :, np.newaxis], hill, photo)
    grain = _integers(random, high * wide // FINE**2, 13).reshape(high // FINE, wide // FINE, 1) - 6
    photo += grain.repeat(FINE, axis=0).repeat(FINE, axis=1)
    canvas[192 * FINE : 192 * FINE + high, 48 * FINE : 48 * FINE + wide] = np.clip(photo, 0, 255)
    _text(canvas, (52, 540), "Sunrise over the ridge", _INK, 3)
    _text(canvas, (52, 580), "Saturday 06:52  -  128 photos", _GREY, 2)
    _disc(canvas, 684, 572, 24, _BLUE)
    _text(canvas, (673, 556), "+", _CARD, 3)


def _draw_chart(canvas: RGB8, random: np.random.PCG64) -> None:
    """Draw a card with a week of bars, their values and an axis."""
    _box(canvas, (32, 640, 704, 388), _CARD, 28)
    _text(canvas, (60, 660), "Steps a day, thousands", _INK, 3)
    for line in range(4):
        _box(canvas, (104, 732 + 72 * line, 596, 2), _LINE)
        _text(canvas, (60, 721 + 72 * line), f"{15 - 5 * line:2d}", _GREY, 2)
    steps = 30 + _integers(random, 7, 110)
    for day, tenths in enumerate(int(value) for value in steps):
        tall = tenths * 72 // 50
        left = 126 + 84 * day
        _box(canvas, (left, 948 - tall, 44, tall), _ORANGE if tenths == steps.max() else _BLUE, 6)
        value = f"{tenths // 10}.{tenths % 10}"
        _text(canvas, (left + 22 - ADVANCE * len(value), 920 - tall), value, _INK, 2)
        _text(canvas, (left + 4, 964), ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day], _GREY, 2)
    _text(canvas, (60, 996), f"Total {int(steps.sum()) // 10} thousand, goal 60", _GREY, 2)


def _draw_messages(canvas: RGB8) -> None:
    """Draw a card with three messages."""
    _box(canvas, (32, 1052, 704, 348), _CARD, 28)
    messages = [
        (_GREEN, "Mira", "The bus leaves at 17:20 from platform 4.", "09:38"),
        (_ORANGE, "Jonas", "Booked two rooms, 184.50 EUR in all.", "09:12"),
        (_PURPLE, "Weather", "Rain on Sunday after 14:00, 11 degrees.", "08:05"),
    ]
    for row, (colour, name, words, time) in enumerate(messages):
        top = 1068 + 110 * row
        _disc(canvas, 92, top + 48, 34, colour)
        _text(canvas, (80, top + 26), name[0], _CARD, 4)
        _text(canvas, (148, top + 12), name, _INK, 3)
        _text(canvas, (148, top + 56), words, _GREY, 2)
        _text(canvas, (646, top + 18), time, _GREY, 2)
        if row < len(messages) - 1:
            _box(canvas, (148, top + 104, 568, 2), _LINE)


def _draw_navigation(canvas: RGB8) -> None:
    """Draw the navigation bar and the system handle."""
    _box(canvas, (0, 1420, WIDTH, 116), _CARD)
    _box(canvas, (0, 1420, WIDTH, 2), _LINE)
    for tab, name in enumerate(["Home", "Photos", "Map", "Chat"]):
        middle, colour = 96 + 192 * tab, _BLUE if tab == 0 else _GREY
        _box(canvas, (middle - 18, 1434, 36, 32), colour, 10)
        _box(canvas, (middle - 12, 1440, 24, 20), _CARD, 6)
        _disc(canvas, middle, 1450, 5, colour)
        _text(canvas, (middle - ADVANCE * len(name), 1474), name, colour, 2)
    _box(canvas, (264, 1516, 240, 8), _INK, 4)


def _box(canvas: RGB8, area: tuple[int, int, int, int], colour: Colour, radius: int = 0) -> None:
    """Fill a rectangle (x, y, width, height) with round corners; layout pixels."""
    x, y, width, height, radius = (FINE * value for value in (*area, radius))
    rows, columns = np.ogrid[:height, :width]
    # twice the distance from a pixel's centre to the inner rectangle, around which the corners curve
    down = np.maximum(0, np.maximum(2 * radius - 2 * rows - 1, 2 * rows + 1 - 2 * (height - radius)))
    across = np.maximum(0, np.maximum(2 * radius - 2 * columns - 1, 2 * columns + 1 - 2 * (width - radius)))
    inside = down**2 + across**2 <= (2 * radius) ** 2 if radius else np.ones((height, width), dtype=bool)
    canvas[y : y + height, x : x + width][inside] = colour


def _disc(canvas: RGB8, x: int, y: int, radius: int, colour: Colour) -> None:
    """Fill a disc around (x, y); layout pixels."""
    _box(canvas, (x - radius, y - radius, 2 * radius, 2 * radius), colour, radius)


def _text(canvas: RGB8, place: tuple[int, int], text: str, colour: Colour, scale: int) -> None:
    """Write text from (x, y) in the 6x11 bitmap font, `scale` layout pixels per dot, corners rounded."""
    bits = _lettered(text)
    dot = scale * FINE
    large = np.kron(bits, np.ones((dot, dot), dtype=np.uint8)).astype(np.int64)
    window = dot + 1 - dot % 2  # odd, so that letters do not shift
    sums = np.pad(large, window // 2)
    for axis in (0, 1):
        sums = np.lib.stride_tricks.sliding_window_view(sums, window, axis=axis).sum(axis=-1)
    ink = 2 * sums > window * window
    x, y = FINE * place[0], FINE * place[1]
    canvas[y : y + ink.shape[0], x : x + ink.shape[1]][ink] = colour


def _lettered(text: str) -> RGB8:
    """Return a line of text in dots, 0 or 1; each letter is drawn between spaces, so that the font clips none."""
    font = ImageFont.load_default_imagefont()
    line = np.zeros((11, ADVANCE * len(text) + 12), dtype=np.uint8)
    for index, letter in enumerate(text):
        dots = np.array(font.getmask(f" {letter} ", mode="1"), dtype=np.uint8).reshape(11, 18)
        line[:, ADVANCE * index : ADVANCE * index + 18] |= np.minimum(dots, 1)
    return line[:, 5:]


def _ridge(random: np.random.PCG64, width: int, height: int) -> npt.NDArray[np.int64]:
    """Return a mountain line of `width` fine pixels within +-`height` layout pixels, by midpoint displacement."""
    line = _integers(random, 5, 2 * height + 1) - height
    reach = height
    while line.size < width:
        reach = reach // 2
        middle = (line[:-1] + line[1:]) // 2 + _integers(random, line.size - 1, 2 * reach + 1) - reach
        longer = np.empty(2 * line.size - 1, dtype=np.int64)
        longer[0::2], longer[1::2] = line, middle
        line = longer
    return line[:width] * FINE


def _integers(random: np.random.PCG64, count: int, below: int) -> npt.NDArray[np.int64]:
    """Return `count` whole numbers from 0 to `below` - 1."""
    return (np.asarray(random.random_raw(count), dtype=np.uint64) % np.uint64(below)).astype(np.int64)


def _averaged(picture: RGB8, size: int, *, axis: int) -> RGB8:
    """Resize one axis to `size` pixels, each the mean of the pixels it covers (nearest when enlarging)."""
    edges = np.arange(size + 1) * picture.shape[axis] // size
    counts = np.maximum(1, np.diff(edges))
    sums: npt.NDArray[np.uint32] = np.add.reduceat(picture, edges[:-1], axis=axis, dtype=np.uint32)
    counts = counts.astype(np.uint32).reshape([-1 if a == axis else 1 for a in range(3)])
    means: RGB8 = ((sums + counts // 2) // counts).astype(np.uint8)
    return means
