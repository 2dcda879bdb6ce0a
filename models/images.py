"""Decode image files, here and nowhere else, into RGB8 pixels, upright and opaque."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from models.errors import PrepareError

RGB8 = npt.NDArray[np.uint8]
"""Pixels, [height, width, 3]: red, green, blue, 8 bits each, row by row from the top left."""

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
"""Formats to try, by content, never by file name. Excludes those that start another program (EPS)."""

MIN_SIDE_PIXELS = 2
"""Shortest side: an image one pixel wide shows nothing; it is a tracking pixel or a mistake. Our choice."""

MAX_SIDE_PIXELS = 16384
"""Longest side: screenshots and photographs are smaller. Our choice."""

MAX_PIXELS = 89_478_485
"""Largest area: Pillow's own threshold for a decompression bomb, a quarter of a gibibyte as RGB8."""

WHITE = (255, 255, 255, 255)
"""Background of transparent pixels: the page that shows the image. Our choice; the paper names none."""

_ORIENTATION_TAG = 0x0112  # EXIF 2.32, table 4
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# what Pillow's decoders raise on damaged files, besides OSError
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)


def read_image(path: Path) -> RGB8:
    """Decode an image file to RGB8 [height, width, 3], as a viewer would show it.

    Applies EXIF orientation (ignores an unreadable one), takes the first frame of an animation, composites
    transparency over white, scales 16-bit channels to 8, converts CMYK and palettes to RGB, and does not
    apply colour profiles.

    Raises PrepareError if the path is not a regular file, or the file is not an image of :data:`FORMATS`, is
    damaged or truncated, has a side outside :data:`MIN_SIDE_PIXELS` to :data:`MAX_SIDE_PIXELS`, or has more
    than :data:`MAX_PIXELS` pixels.
    """
    try:
        if not path.is_file():
            found = "something that is not a regular file" if path.exists() else "no such file"
            raise _refusal(path, found, "give the path of an image file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bombs are refused below; damaged metadata does not matter
            return _decode(path)
    except UnidentifiedImageError as error:
        raise _refusal(path, "no image of these formats", "convert it to PNG or JPEG") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise _refusal(path, f"too many pixels ({error!r})", "scale it down first") from error
    except _DAMAGE as error:
        found = f"a file that cannot be read or decoded ({error!r})"
        raise _refusal(path, found, "check that it is complete and opens in a viewer") from error


def _decode(path: Path) -> RGB8:
    with Image.open(path, formats=FORMATS) as image:
        _check_size(path, *image.size)
        image.load()
        pixels = _sixteen_bit(path, image) if image.mode.startswith(("I", "F")) else _eight_bit(image)
        turn = _UPRIGHT.get(_orientation(image))
    if turn is not None:
        pixels = np.array(Image.fromarray(pixels).transpose(turn))
    return pixels


def _check_size(path: Path, width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE_PIXELS:
        raise _refusal(path, f"one of {width}x{height} pixels", "use a larger image")
    if max(width, height) > MAX_SIDE_PIXELS or width * height > MAX_PIXELS:
        raise _refusal(path, f"one of {width}x{height} pixels", "scale it down or crop it first")


def _eight_bit(image: Image.Image) -> RGB8:
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, WHITE)
        image = Image.alpha_composite(page, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _sixteen_bit(path: Path, image: Image.Image) -> RGB8:
    """Scale grey values of 0..65535 to 0..255, rounding to nearest: 65535 = 255 * 257."""
    values = np.array(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 0xFFFF:
        found = f"{image.mode} values from {values.min()} to {values.max()}, whose black and white are unknown"
        raise _refusal(path, found, "save it with 8 or 16 bits a channel")
    see_through = image.info.get("transparency")
    if isinstance(see_through, int):  # PNG's tRNS chunk: the one transparent grey value
        values = np.where(values == see_through, 0xFFFF, values)
    grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, or 1 (upright) if it is missing or unreadable."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DAMAGE:
        return 1
    return orientation if isinstance(orientation, int) else 1


def _refusal(path: Path, found: str, remedy: str) -> PrepareError:
    """Return the error for a file; the quoted and escaped name cannot send control codes to a terminal."""
    wanted = (
        f"an image ({', '.join(FORMATS)}) of at least {MIN_SIDE_PIXELS} and at most {MAX_SIDE_PIXELS} pixels "
        f"a side, {MAX_PIXELS} in all"
    )
    return PrepareError(f"{str(path)!r}: wanted {wanted}; found {found}: {remedy}")
