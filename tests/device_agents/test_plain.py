"""Text that is shown controls no terminal, and ends."""

from __future__ import annotations

import pytest

from device_agents.plain import MESSAGE, cut, plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;AAAA\x07", "\ufffd]52;c;AAAA\ufffd"),
        ("\x9b31m", "\ufffd31m"),
        ("a\u202eb\u2066c\u200f", "a\ufffdb\ufffdc\ufffd"),
        ("a\u2028b\u2029", "a\ufffdb\ufffd"),
        ("\ud800\udcff", "\ufffd\ufffd"),
        ("a\nb\tc\rd", "a\ufffdb\ufffdc\ufffdd"),
        ("Größe 4 µs \u2264 \u8a9e \U0001f600 \xa0", "Größe 4 µs \u2264 \u8a9e \U0001f600 \xa0"),
    ],
)
def test_what_acts_is_shown_and_what_is_seen_stays(text: str, shown: str) -> None:
    """Control codes of 7 and 8 bits, directions, halves of characters, ends of lines."""
    assert plain(text) == shown


def test_lines_keep_their_ends_and_tabs() -> None:
    """A lone carriage return would write over its line."""
    assert plain_lines("a\nb\tc\r\nd\re\x1b[2J\n") == "a\nb\tc\r\nd\ufffde\ufffd[2J\n"


def test_a_long_message_lacks_its_middle() -> None:
    """What is wrong stands at its beginning, what to do at its end."""
    whole = "x" * MESSAGE
    shown = cut(f"wrong{'y' * 100_000}do this")

    assert cut(whole) == whole
    assert (shown[:6], shown[-8:]) == ("wrongy", "ydo this")
    assert "[... 96,012 characters left out ...]" in shown
    assert len(shown) < MESSAGE + 50
