"""Tables of image sizes: a user's file read row by row, and drawn ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.errors import PrepareError
from models.sizes import DRAWN, SCREENS, drawn, read_sizes


def written(folder: Path, content: bytes, name: str = "sizes.csv") -> Path:
    """Write a table."""
    path = folder / name
    path.write_bytes(content)
    return path


def rows(path: Path) -> list[tuple[int, int, int]]:
    """Read a table as (width, height, count)."""
    found = read_sizes(path)
    return list(zip(found.widths.tolist(), found.heights.tolist(), found.counts.tolist(), strict=True))


@pytest.mark.parametrize(
    "content",
    [
        b"width,height,count\n1080,2400,3\n640,480,1\n",
        b"\xef\xbb\xbfWidth, Height ,COUNT\r\n1080,2400,3\r\n\r\n640,480,1",
        b"file\theight\tcount\twidth\na, b.jpg\t2400\t3\t1080\nc\t480\t1\t640\n",
        b'name,width,height,count\n"a, b.jpg",1080,"2400",3\nc,640,480,1\n',
    ],
    ids=["csv", "as Excel saves it", "tabs, other columns, another order", "quotes"],
)
def test_a_table_is_read_in_each_of_its_forms(tmp_path: Path, content: bytes) -> None:
    """Columns are found by name; a mark at the beginning, blank lines and other columns do not matter."""
    assert rows(written(tmp_path, content)) == [(1080, 2400, 3), (640, 480, 1)]


def test_without_a_count_a_row_is_one_image(tmp_path: Path) -> None:
    """The column may be missing."""
    assert rows(written(tmp_path, b"width,height\n7,8\n")) == [(7, 8, 1)]


def test_bad_rows_are_named_by_line_and_the_rest_is_read(tmp_path: Path) -> None:
    """Too few cells, words, fractions, signs, sides and counts out of range, a quote never closed, no UTF-8."""
    bad = [b"12", b"x,5,1", b"1.5,5,1", b"-1,5,1", b"0,5,1", b"1000001,5,1", b"5,5,0", b'"7,8,1', b"\xff,5,1"]
    content = b"width,height,count\n1,20000,1\n" + b"\n".join(bad) + b"\n640,480,2\n"

    found = read_sizes(written(tmp_path, content))

    assert (found.widths.tolist(), found.counts.tolist(), found.bad) == ([1, 640], [1, 2], 9)
    assert [line.split(":")[0] for line in found.left_out] == [f"line {n}" for n in range(3, 12)]
    assert found.left_out[0] == "line 3: wanted whole numbers, found '12'"
    assert found.left_out[5] == "line 8: wanted sides of 1 to 1,000,000 pixels, found '1000001,5,1'"


def test_of_many_bad_rows_twenty_are_named(tmp_path: Path) -> None:
    """All are counted."""
    found = read_sizes(written(tmp_path, b"width,height\n5,5\n" + b"x,y\n" * 30))

    assert (found.bad, len(found.left_out)) == (30, 20)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found an empty file: begin it with the line width,height"),
        (b"\n \n", "found an empty file"),
        (b"width,height\n", "found a header and no row"),
        (b"1080,2400\n", "found the first line '1080,2400': begin it"),
        (b"width,height\nx,y\n", "found none below the header; line 2: wanted whole numbers, found 'x,y'"),
        (b"\x00\x1b[31m" * 50, "found the first line '\\x00\\x1b[31m"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """The message quotes the file's name and content escaped, and says how to begin."""
    path = written(tmp_path, content, "a\x1b[2Jb.csv")

    with pytest.raises(PrepareError) as caught:
        read_sizes(path)

    assert words in str(caught.value) and "a\\x1b[2Jb.csv" in str(caught.value)
    assert str(caught.value).isprintable()


def test_only_a_file_is_read(tmp_path: Path) -> None:
    """A pipe would never end, and a missing file is told as one."""
    os.mkfifo(tmp_path / "pipe")

    for name, words in (("pipe", "something that is no file"), (".", "no file"), ("gone", "no such file")):
        with pytest.raises(PrepareError, match=words):
            read_sizes(tmp_path / name)


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_seed_draws_the_same_sizes(name: str) -> None:
    """And another seed others."""
    first, again, other = (drawn(name, 50, seed) for seed in (3, 3, 4))

    assert (first.widths.tolist(), first.heights.tolist()) == (again.widths.tolist(), again.heights.tolist())
    assert first.widths.tolist() != other.widths.tolist()


def test_drawn_sizes_are_as_described() -> None:
    """Screens of the list, photographs of its long sides, and evenly drawn sides in their range."""
    phones, photos, even = (drawn(name, 2000, 0) for name in ("phone screens", "photographs", "uniform"))

    pairs = set(zip(phones.widths.tolist(), phones.heights.tolist(), strict=True))
    assert pairs == {*SCREENS, *((height, width) for width, height in SCREENS)}
    assert {max(pair) for pair in zip(photos.widths.tolist(), photos.heights.tolist(), strict=True)} == {
        *(640, 800, 1024, 1280, 1600, 1920, 2048, 4000)
    }
    assert 60 <= even.widths.min() < 70 and 1990 < even.widths.max() <= 2000
