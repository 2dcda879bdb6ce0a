"""Streams token ids as text: a character appears when its last byte arrives."""

from __future__ import annotations

import codecs

from device_agents.contract import Tokenizer


class Detokeniser:
    """The inverse of the `bytes` tokenizer: id - `first_byte` is a byte of UTF-8; other ids have no text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._first = tokenizer.first_byte
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token: int) -> str:
        """Return the text that this token completes: often none; U+FFFD for invalid UTF-8."""
        byte = token - self._first
        return self._decoder.decode(bytes([byte])) if 0 <= byte < 256 else ""

    def finish(self) -> str:
        """Return the rest of an unfinished character, and forget it."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
