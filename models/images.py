"""Decode image files, here and nowhere else, into RGB8 pixels, upright and opaque."""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from device_agents import contract
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
_BITS, _MEANING_OF_0, _SAMPLE_FORMAT, _LARGEST = 258, 262, 339, 281
"""Tags of a TIFF (TIFF 6.0): BitsPerSample, PhotometricInterpretation, SampleFormat, MaxSampleValue."""
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
    transparency over white, scales channels of any depth to 8 bits, converts CMYK and palettes to RGB, and
    does not apply colour profiles. Values whose black and white are not known (floats, signed and 32-bit integers)
    are refused, and so is what Pillow opens without respecting what the file says of them.

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


def image_of(pixels: RGB8) -> contract.Image:
    """Describe pixels for an Input or a Question; they are written as `pixels.rgb8`."""
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return contract.Image(path="pixels.rgb8", sha256=digest, width=width, height=height)


def _decode(path: Path) -> RGB8:
    with Image.open(path, formats=FORMATS) as image:
        _check_size(path, *image.size)
        if said := _unknown_scale(image):
            raise _refusal(
                path, f"{said}, whose black and white are unknown", "save it with 8 or 16 bits a channel"
            )
        image.load()
        pixels = _sixteen_bit(image) if image.mode.startswith("I") else _eight_bit(image)
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


def _unknown_scale(image: Image.Image) -> str:
    """Say in words why a file's values cannot be scaled to 0..255; empty when they can. Call it before `load`."""
    if image.mode in ("F", "La"):
        return {"F": "floating-point values", "La": "grey values multiplied by their opacity"}[image.mode]
    if isinstance(image, TiffImageFile):
        return _unknown_tiff(image)
    packed = isinstance(image, ImageFile.ImageFile) and image.tile and image.tile[0].args in ("L;2", "L;4")
    if packed and "transparency" in image.info:  # Pillow compares scaled values with a raw one
        return "fewer than 8 bits a channel and a transparent value"
    return ""


def _unknown_tiff(image: TiffImageFile) -> str:
    tags = image.tag_v2
    bits = max(tags.get(_BITS, (1,)))
    if set(tags.get(_SAMPLE_FORMAT, (1,))) != {1}:
        return "values that are not unsigned integers"
    if bits > 16:
        return f"{bits} bits a channel"
    if bits > 8 and image.mode.startswith("I") and tags.get(_MEANING_OF_0) == 0:  # Pillow does not invert these
        return f"{bits} bits a channel with white as 0"
    if bits > 8 and (largest := max(tags.get(_LARGEST, (2**bits - 1,)))) != 2**bits - 1:
        return f"{bits} bits a channel of which it uses 0 to {largest}"
    return ""


def _sixteen_bit(image: Image.Image) -> RGB8:
    """Scale grey values from 0 to white, 4095 in a TIFF of 12 bits and 65535 otherwise, to 0..255; to nearest."""
    white = 2 ** max(image.tag_v2.get(_BITS, (16,))) - 1 if isinstance(image, TiffImageFile) else 0xFFFF
    values = np.array(image)
    see_through = image.info.get("transparency")
    if isinstance(see_through, int):  # PNG's tRNS chunk: the one transparent grey value
        values = np.where(values == see_through, white, values)
    grey = ((values.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
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
