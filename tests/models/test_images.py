"""Decoding: every kind of file becomes the RGB8 pixels a viewer would show, or one clear error."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.errors import PrepareError
from models.images import FORMATS, MAX_SIDE_PIXELS, read_image

GREY_3X2 = np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def greys(pixels: np.ndarray) -> list[list[int]]:
    """Return the red channel of a picture whose channels are all equal."""
    assert (pixels == pixels[:, :, :1]).all()
    rows: list[list[int]] = pixels[:, :, 0].tolist()
    return rows


def write_png(path: Path, width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 2) -> Path:
    """Write a PNG by hand, so that its header can claim anything (PNG specification, sec. 11.2.2)."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_give_back_their_pixels(tmp_path: Path, file_format: str) -> None:
    """The pixels read are those written: [height, width, 3], uint8, and writeable."""
    path = tmp_path / "picture"
    Image.fromarray(NOISE).save(path, file_format)

    pixels = read_image(path)

    assert pixels.dtype == np.uint8
    assert pixels.shape == (48, 64, 3)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert (pixels == NOISE).all()


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_lossy_formats_come_close(tmp_path: Path, file_format: str) -> None:
    """A flat colour survives compression within a few levels."""
    path = tmp_path / "picture.png"  # the content decides, not the name
    Image.new("RGB", (40, 30), (200, 100, 50)).save(path, file_format)

    pixels = read_image(path).astype(int)

    assert pixels.shape == (30, 40, 3)
    assert np.abs(pixels - [200, 100, 50]).max() <= 4


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [  # EXIF 2.32, tag 274: where the stored first row and first column belong
        (1, [[10, 20, 30], [40, 50, 60]]),  # top, left
        (2, [[30, 20, 10], [60, 50, 40]]),  # top, right
        (3, [[60, 50, 40], [30, 20, 10]]),  # bottom, right
        (4, [[40, 50, 60], [10, 20, 30]]),  # bottom, left
        (5, [[10, 40], [20, 50], [30, 60]]),  # left, top
        (6, [[40, 10], [50, 20], [60, 30]]),  # right, top
        (7, [[60, 30], [50, 20], [40, 10]]),  # right, bottom
        (8, [[30, 60], [20, 50], [10, 40]]),  # left, bottom
        (9, [[10, 20, 30], [40, 50, 60]]),  # no such orientation: as stored
    ],
)
def test_exif_orientation_is_applied(
    tmp_path: Path, orientation: int, upright: list[list[int]], file_format: str
) -> None:
    """A photograph is rotated to match how the camera was held."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    large = np.kron(GREY_3X2, np.ones((16, 16), dtype=np.uint8))  # flat 16x16 blocks survive JPEG
    lossless = {"lossless": True} if file_format == "WEBP" else {}
    Image.fromarray(large).convert("RGB").save(tmp_path / "p", file_format, exif=exif, **lossless)

    blocks = np.array(greys(read_image(tmp_path / "p")))[8::16, 8::16]

    assert np.abs(blocks - np.array(upright)).max() <= 1


def test_unreadable_exif_is_ignored(tmp_path: Path) -> None:
    """Damaged metadata does not make the picture damaged."""
    Image.fromarray(NOISE).save(tmp_path / "p.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")

    assert (read_image(tmp_path / "p.png") == NOISE).all()


def test_transparency_is_composited_over_white(tmp_path: Path) -> None:
    """The formula is colour * alpha + 255 * (1 - alpha), up to rounding."""
    rgba = np.array([[[100, 0, 200, 255], [100, 0, 200, 0], [100, 0, 200, 51]]] * 2, dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "p.png")

    pixels = read_image(tmp_path / "p.png")

    # alpha 51/255 = 0.2: 100 -> 224, 0 -> 204, 200 -> 244
    assert pixels.tolist() == [[[100, 0, 200], [255, 255, 255], [224, 204, 244]]] * 2


def test_grey_with_alpha_is_composited_over_white(tmp_path: Path) -> None:
    """Mode LA is treated like RGBA."""
    Image.merge("LA", [Image.new("L", (2, 2), 100), Image.fromarray(np.array([[255, 0]] * 2, np.uint8))]).save(
        tmp_path / "p.png"
    )

    assert greys(read_image(tmp_path / "p.png")) == [[100, 255]] * 2


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_entry_shows_white_there(tmp_path: Path, file_format: str) -> None:
    """Palette indices become their colours; the transparent index becomes white."""
    image = Image.frombytes("P", (3, 2), bytes([0, 1, 2] * 2))
    image.putpalette([255, 0, 0, 0, 128, 0, 9, 9, 9])
    image.save(tmp_path / "p", file_format, transparency=2)

    assert read_image(tmp_path / "p").tolist() == [[[255, 0, 0], [0, 128, 0], [255, 255, 255]]] * 2


def test_an_rgb_colour_may_be_the_transparent_one(tmp_path: Path) -> None:
    """PNG's tRNS chunk without an alpha channel counts too."""
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]] * 2, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png", transparency=(1, 2, 3))

    assert read_image(tmp_path / "p.png").tolist() == [[[255, 255, 255], [4, 5, 6]]] * 2


def test_one_bit_images_are_black_and_white(tmp_path: Path) -> None:
    """The two values of mode 1 become 0 and 255."""
    Image.fromarray(np.array([[True, False]] * 2)).save(tmp_path / "p.png")

    assert greys(read_image(tmp_path / "p.png")) == [[255, 0]] * 2


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path, file_format: str) -> None:
    """65535 = 255 * 257, rounded to nearest: 128 becomes 0, 129 becomes 1."""
    values = np.array([[0, 128, 129, 257, 32768, 65535]] * 2, dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "p", file_format)

    assert greys(read_image(tmp_path / "p")) == [[0, 0, 1, 1, 128, 255]] * 2


def test_sixteen_bit_grey_may_have_a_transparent_value(tmp_path: Path) -> None:
    """PNG's tRNS chunk of a 16-bit grey image names the value that becomes white."""
    Image.fromarray(np.array([[0, 514, 65535]] * 2, dtype=np.uint16)).save(tmp_path / "p.png", transparency=514)

    assert greys(read_image(tmp_path / "p.png")) == [[0, 255, 255]] * 2


def test_sixteen_bit_colour_keeps_its_high_bytes(tmp_path: Path) -> None:
    """A 16-bit RGB PNG is read as 8 bits a channel."""
    row = b"\0" + bytes([0xFF, 0xFF, 0x80, 0x00, 0x00, 0xFF] * 2)
    path = write_png(tmp_path / "p.png", 2, 2, row * 2, depth=16)

    assert read_image(path).tolist() == [[[255, 128, 0]] * 2] * 2


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    """Ink is subtracted from white: no ink, cyan, black."""
    cmyk = bytes([0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255])
    Image.frombytes("CMYK", (3, 2), cmyk * 2).save(tmp_path / "p.tiff")

    assert read_image(tmp_path / "p.tiff").tolist() == [[[255, 255, 255], [0, 255, 255], [0, 0, 0]]] * 2


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_counts(tmp_path: Path, file_format: str) -> None:
    """Later frames are ignored."""
    first, second = (Image.new("RGB", (20, 10), colour) for colour in ("white", "black"))
    first.save(tmp_path / "p", file_format, save_all=True, append_images=[second])

    assert read_image(tmp_path / "p").min() == 255


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_a_side_of_one_pixel_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    """The message gives the smallest allowed size and the size found."""
    Image.new("RGB", size, (1, 2, 3)).save(tmp_path / "p.png")

    with pytest.raises(PrepareError, match=rf"at least 2 and .*found one of {size[0]}x{size[1]} pixels: use a"):
        read_image(tmp_path / "p.png")


def test_the_shortest_side_allowed_is_read(tmp_path: Path) -> None:
    """The limit itself is allowed."""
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "p.png")

    assert read_image(tmp_path / "p.png").tolist() == [[[1, 2, 3]] * 2] * 2


@pytest.mark.parametrize("size", [(20000, 10), (10, 20000), (MAX_SIDE_PIXELS + 1, 2)])
def test_a_side_too_long_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    """The message gives the largest allowed size, the size found and what to do."""
    Image.new("1", size).save(tmp_path / "wide.png")

    with pytest.raises(PrepareError, match=rf"at most 16384 pixels a side.*{size[0]}x{size[1]} pixels: scale it"):
        read_image(tmp_path / "wide.png")


def test_the_longest_side_allowed_is_read(tmp_path: Path) -> None:
    """The limit itself is allowed."""
    Image.new("1", (16384, 2)).save(tmp_path / "p.png")

    assert read_image(tmp_path / "p.png").shape == (2, 16384, 3)


@pytest.mark.parametrize("size", [(16000, 16000), (10000, 10000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    """A header may claim any size; the check comes before any pixel is decoded."""
    path = write_png(tmp_path / "bomb.png", *size, b"\0" * 1000)

    with pytest.raises(PrepareError, match=r"pixels.*: scale it down"):
        read_image(path)


def test_an_image_without_pixels_is_refused(tmp_path: Path) -> None:
    """A width of zero is refused, whatever the decoder does with it."""
    with pytest.raises(PrepareError, match="found"):
        read_image(write_png(tmp_path / "empty.png", 0, 5, b""))


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, file_format: str, kept: float) -> None:
    """Half a picture never passes for a whole one."""
    path = tmp_path / "cut"
    Image.fromarray(NOISE).save(path, file_format)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(PrepareError, match="cut'"):
        read_image(path)


@given(cut=st.integers(0, 9400), change=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_damage_is_refused_or_harmless(cut: int, change: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whichever byte of a file is wrong, reading returns [..., 3] pixels or raises PrepareError."""
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    Image.fromarray(NOISE).save(path)
    content = bytearray(path.read_bytes())
    content[cut % len(content)] = change
    path.write_bytes(content)

    try:
        assert read_image(path).shape[2] == 3
    except PrepareError as refusal:
        assert "damaged.png" in str(refusal)


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am no image\n" * 50, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n", b"P6"]
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    """The content decides, even if the name ends in .png. EPS would start another program."""
    (tmp_path / "notes.png").write_bytes(content)

    with pytest.raises(PrepareError, match=r"notes\.png': wanted an image \(PNG, JPEG.*; found .*: "):
        read_image(tmp_path / "notes.png")


@pytest.mark.parametrize("file_format", ["EPS", "ICO", "PCX"])
def test_other_formats_are_not_even_tried(tmp_path: Path, file_format: str) -> None:
    """A valid image in a format that is not on the list is refused."""
    Image.new("RGB", (16, 16)).save(tmp_path / "p.png", file_format)

    with pytest.raises(PrepareError, match="found no image of these formats: convert it to PNG or JPEG"):
        read_image(tmp_path / "p.png")


def test_what_a_file_says_is_escaped_too(tmp_path: Path) -> None:
    """A decoder's error quotes the file; the terminal must not interpret the quote."""
    (tmp_path / "p.ppm").write_bytes(b"P6 \x1b[2J9999999999 1 255\n")

    with pytest.raises(PrepareError) as refusal:
        read_image(tmp_path / "p.ppm")
    assert r"\x1b[2J9" in str(refusal.value)
    assert str(refusal.value).isprintable()


def write_tiff(path: Path, data: bytes, *, bits: int, black: int = 1, samples: int = 1, **tags: int) -> Path:
    """Write a TIFF of 4x2 pixels by hand; `black` is PhotometricInterpretation (TIFF 6.0, section 8)."""
    known = {"sample_format": 339, "extra": 338, "largest": 281}
    depth = bits | bits << 16 if samples == 2 else bits
    rows = [(256, 1, 4), (257, 1, 2), (258, samples, depth), (259, 1, 1), (262, 1, black), (277, 1, samples)]
    rows += [(278, 1, 2), (279, 1, len(data)), *((known[name], 1, value) for name, value in tags.items())]
    rows.append((273, 1, 8 + 2 + 12 * (len(rows) + 1) + 4))
    directory = b"".join(struct.pack("<HHII", tag, 3, count, value) for tag, count, value in sorted(rows))
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(rows)) + directory + bytes(4) + data)
    return path


ROW_12_BITS = bytes.fromhex("000400800fff")
"""0, 1024, 2048 and 4095, 12 bits each, high bits first."""


def test_twelve_bit_grey_is_scaled_by_its_own_white(tmp_path: Path) -> None:
    """4095 is white, not a sixteenth of it."""
    path = write_tiff(tmp_path / "p", ROW_12_BITS * 2, bits=12)

    assert greys(read_image(path)) == [[0, 64, 128, 255]] * 2


@pytest.mark.parametrize(("bits", "row"), [(1, b"\x50"), (2, b"\x1b"), (4, b"\x05\xaf"), (8, b"\0\x55\xaa\xff")])
@pytest.mark.parametrize("black", [0, 1])
def test_shallow_grey_is_scaled_to_eight_bits(tmp_path: Path, bits: int, row: bytes, black: int) -> None:
    """The largest value is white, or black in a file that says so."""
    path = write_tiff(tmp_path / "p", row * 2, bits=bits, black=black)
    levels = [0, 255, 0, 255] if bits == 1 else [0, 85, 170, 255]

    assert greys(read_image(path)) == [levels if black else [255 - level for level in levels]] * 2


@pytest.mark.parametrize("largest", [1, 15, 1023, 4095, 65535])
def test_a_netpbm_file_says_its_own_white(tmp_path: Path, largest: int) -> None:
    """Its header gives the largest value (netpbm, pgm(5))."""
    values = np.array([[0, largest]] * 2, dtype=">u2" if largest > 255 else "u1")
    (tmp_path / "p").write_bytes(b"P5 2 2 %d\n" % largest + values.tobytes())

    assert greys(read_image(tmp_path / "p")) == [[0, 255]] * 2


def whole(values: list[float], dtype: str) -> bytes:
    """Return two equal rows of values, little endian."""
    return np.array([values] * 2, dtype=dtype).tobytes()


@pytest.mark.parametrize(
    ("data", "tags", "words"),
    [
        (whole([0, 0.2, 0.5, 1], "<f4"), {"bits": 32, "sample_format": 3}, "floating-point values"),
        (whole([0, 64, 128, 255], "<u4"), {"bits": 32}, "32 bits a channel"),
        (whole([0, 1, 2, 3], "<i4"), {"bits": 32, "sample_format": 2}, "not unsigned integers"),
        (whole([0, 1024, 2048, 4095], "<i2"), {"bits": 16, "sample_format": 2}, "not unsigned integers"),
        (whole([0, 64, 100, 127], "i1"), {"bits": 8, "sample_format": 2}, "not unsigned integers"),
        (whole([0, 1024, 2048, 4095], "<u2"), {"bits": 16, "black": 0}, "16 bits a channel with white as 0"),
        (whole([0, 1024, 2048, 4095], "<u2"), {"bits": 16, "largest": 4095}, "of which it uses 0 to 4095"),
        (bytes(range(8)) * 2, {"bits": 8, "samples": 2, "extra": 1}, "multiplied by their opacity"),
    ],
)
def test_values_without_a_known_range_are_refused(
    tmp_path: Path, data: bytes, tags: dict[str, int], words: str
) -> None:
    """They do not define black and white, however small they are."""
    path = write_tiff(tmp_path / "p", data, **tags)

    with pytest.raises(
        PrepareError, match=f"{words}, whose black and white are unknown: save it with 8 or 16 bits"
    ):
        read_image(path)


def test_depths_that_nothing_decodes_are_refused(tmp_path: Path) -> None:
    """Ten bits a channel: advice that helps."""
    with pytest.raises(PrepareError, match="convert it to PNG or JPEG"):
        read_image(write_tiff(tmp_path / "p", bytes(10), bits=10))


def test_a_transparent_value_of_few_bits_is_refused(tmp_path: Path) -> None:
    """Pillow compares the raw value with scaled ones, so that nothing would be transparent."""
    write_png(tmp_path / "q.png", 4, 2, b"\0\x1b" * 2, depth=2, colour=0)
    png = (tmp_path / "q.png").read_bytes()
    chunk = b"tRNS\0\1"
    at = png.index(b"IDAT") - 4
    (tmp_path / "q.png").write_bytes(
        png[:at] + struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[at:]
    )

    with pytest.raises(PrepareError, match="fewer than 8 bits a channel and a transparent value"):
        read_image(tmp_path / "q.png")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """The message names a missing file, a folder or a device for what it is; a pipe does not hang."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(PrepareError, match=r"gone\.png': wanted .*; found no such file"):
        read_image(tmp_path / "gone.png")
    for path in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(PrepareError, match="found something that is not a regular file"):
            read_image(path)


HOSTILE = [
    "new\nline.png",
    "\x1b[2Jescape.png",
    "'quote\" $(touch x) `y` ;|&.png",
    "-rf.png",
    "%s {0} \\n.png",
    "spaces and \t tabs .png",
    "картинка 画像 🖼.png",
    "\u202egnp.exe",
    "http:__example.org_p.png",
    os.fsdecode(b"not-utf8-\xff\xfe.png"),
    "x" * 251 + ".png",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_file_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    """The file is read like any other; an error shows its name escaped, on one line, safe for any terminal."""
    path = tmp_path / name
    path.write_bytes(b"no image")

    with pytest.raises(PrepareError) as refusal:
        read_image(path)
    assert str(refusal.value).isprintable()
    assert repr(str(path)) in str(refusal.value)

    Image.new("RGB", (2, 2), "white").save(path, "PNG")
    assert read_image(path).tolist() == [[[255, 255, 255]] * 2] * 2


@pytest.mark.parametrize("name", ["nul\0byte.png", "x" * 300, "file.png/inside"])
def test_a_name_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    """A name that the system refuses to look up raises the same kind of error."""
    (tmp_path / "file.png").write_bytes(b"")

    with pytest.raises(PrepareError, match="wanted an image"):
        read_image(tmp_path / name)
