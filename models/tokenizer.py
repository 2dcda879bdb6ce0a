"""Text to token ids: one id a byte, so that the bundled model needs no vocabulary file.

Ids 0 and 1 end and begin a text, byte b is id b + 2; ids from 258 on exist in the vocabulary (whose size
is a round number) and stand for nothing.
"""

from __future__ import annotations

from device_agents.contract import Tokenizer

END, BEGIN, FIRST_BYTE = 0, 1, 2

BYTES = Tokenizer(kind="bytes", first_byte=FIRST_BYTE, end=END)


def encode(text: str) -> list[int]:
    """UTF-8 bytes as ids."""
    return [byte + FIRST_BYTE for byte in text.encode()]
