"""Token ids to text, as it streams: a character appears when its last byte has come."""

from __future__ import annotations

import codecs

from device_agents.contract import Tokenizer


class Detokeniser:
    """The `bytes` tokenizer backwards: id - `first_byte` is a byte of UTF-8; other ids are silent."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._first = tokenizer.first_byte
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token: int) -> str:
        """Return the text that this token completes: often none, and U+FFFD for what is not UTF-8."""
        byte = token - self._first
        return self._decoder.decode(bytes([byte])) if 0 <= byte < 256 else ""

    def finish(self) -> str:
        """Return what is left of an unfinished character, and forget it."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
