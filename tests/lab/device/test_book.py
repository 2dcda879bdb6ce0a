"""A book of facts about devices: damage is reported, and changes by several threads are all kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from lab.device.book import Book
from lab.errors import StoreError

BOOK = Book("counts", TypeAdapter(dict[str, int]), doing="count", lost="counting starts again")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"phone-1": "x"}', b"\xff\xfe"])
def test_a_damaged_book_counts_as_empty_and_a_warning_says_so(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken file locks nobody out: the next change rewrites it."""
    path = tmp_path / "devices" / "counts.json"
    path.parent.mkdir()
    path.write_bytes(content)

    assert BOOK.read(tmp_path) == {}
    assert f"{path} is damaged" in caplog.text
    assert caplog.text.rstrip().endswith("counting starts again")
    with BOOK.changing(tmp_path) as book:
        book["phone-1"] = 3
    assert BOOK.read(tmp_path) == {"phone-1": 3}


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    """Many devices fail at once when a hub goes."""

    def count(number: int) -> None:
        with BOOK.changing(tmp_path) as book:
            book[f"phone-{number % 8}"] = book.get(f"phone-{number % 8}", 0) + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(24)))

    assert BOOK.read(tmp_path) == {f"phone-{number}": 3 for number in range(8)}


def test_a_book_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """It may hold a quarantine, so it must not count as empty."""
    (tmp_path / "devices" / "counts.json").mkdir(parents=True)

    with pytest.raises(StoreError, match=r"counts\.json: cannot be read: .*permissions"):
        BOOK.read(tmp_path)
