"""The text of a streamed answer, as its events arrive in parts of any length."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from pydantic import ValidationError

from device_agents.contract import Piece, Tokenizer, parse_event


class Stream:
    """Calls `show` with text as soon as tokens complete it; `ids` are the tokens so far.

    The `bytes` tokenizer: id - `first_byte` is a byte of UTF-8, other ids have no text, and invalid bytes become
    U+FFFD. A line that is no event is passed over here: whoever reads the whole file reports it.
    """

    def __init__(self, tokenizer: Tokenizer, show: Callable[[str], None]) -> None:
        self._first, self._show = tokenizer.first_byte, show
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = b""
        self.ids: list[int] = []
        self.taken = 0

    def feed(self, new: bytes) -> None:
        """Take the next bytes of the events file, `taken` so far."""
        self.taken += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            if b'"piece"' in line and (piece := _piece(line)) is not None:
                self.ids.append(piece.id)
                self._say(self._text(piece.id))

    def finish(self) -> None:
        """Show the rest of a character that was never completed."""
        self._say(self._decoder.decode(b"", final=True))

    def _text(self, token: int) -> str:
        byte = token - self._first
        return self._decoder.decode(bytes([byte])) if 0 <= byte < 256 else ""

    def _say(self, text: str) -> None:
        if text:
            self._show(text)


def _piece(line: bytes) -> Piece | None:
    try:
        event = parse_event.validate_json(line)
    except ValidationError:
        return None
    return event if isinstance(event, Piece) else None
