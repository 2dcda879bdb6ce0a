"""Text from pieces that arrive in parts of any length."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from device_agents.contract import Piece, Tokenizer
from lab.trial.stream import Stream

BYTES = Tokenizer(kind="bytes", first_byte=2, end=0)


def lines(ids: list[int]) -> bytes:
    """Return the events of an answer."""
    return b"".join(
        Piece(iteration=0, index=index, id=each).model_dump_json().encode() + b"\n"
        for index, each in enumerate(ids)
    )


def of(text: bytes) -> list[int]:
    """Return the ids of bytes."""
    return [byte + 2 for byte in text]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=8), st.lists(st.integers(1, 90), max_size=30))
def test_text_is_whole_however_its_events_are_cut(text: str, sizes: list[int]) -> None:
    """A part may end in the middle of a line, and a line in the middle of a character."""
    whole, shown = lines([*of(text.encode()), 0]), list[str]()
    stream = Stream(BYTES, shown.append)

    for size in [*sizes, len(whole)]:
        stream.feed(whole[stream.taken : stream.taken + size])
    stream.finish()

    assert "".join(shown) == text
    assert stream.ids == [*of(text.encode()), 0] and stream.taken == len(whole)


def test_a_character_appears_with_its_last_byte() -> None:
    """The euro sign has three bytes (E2 82 AC)."""
    shown = list[str]()
    stream = Stream(BYTES, shown.append)

    stream.feed(lines(of(b"\xe2\x82")))
    assert shown == []
    stream.feed(lines(of(b"\xac")))
    assert shown == ["€"]


def test_what_is_no_text_is_shown_as_such() -> None:
    """Bytes that are no UTF-8 and a character cut short; ids without text and other lines are passed over."""
    shown = list[str]()
    stream = Stream(BYTES, shown.append)

    stream.feed(b'{"event":"hello"}\n{"piece":\n' + lines([1, 300, *of(b"a\xffb\xe2\x82"), 0]))
    stream.finish()

    assert "".join(shown) == "a\ufffdb\ufffd"
