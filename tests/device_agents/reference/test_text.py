"""Tokens become text as they come."""

from __future__ import annotations

from device_agents.contract import Tokenizer
from device_agents.reference.text import Detokeniser


def test_text_streams_character_by_character() -> None:
    """An accent appears with its last byte, special tokens have no text, and invalid UTF-8 is replaced."""
    detokeniser = Detokeniser(Tokenizer(kind="bytes", first_byte=2, end=0))
    tokens = [0, *(byte + 2 for byte in "hé".encode()), 0xFF + 2, 500, 0xC3 + 2]

    assert [detokeniser.feed(token) for token in tokens] == ["", "h", "", "é", "\ufffd", "", ""]
    assert detokeniser.finish() == "\ufffd"
    assert detokeniser.feed(ord("x") + 2) == "x"
