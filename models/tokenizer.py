"""Convert text to token ids: one id per byte, so that the bundled model needs no vocabulary file.

Ids 0 and 1 end and begin a text; byte b is id b + 2. Ids from 258 on have no meaning: they only
round up the size of the vocabulary.
"""

from __future__ import annotations

from device_agents.contract import Tokenizer

END, BEGIN, FIRST_BYTE = 0, 1, 2

BYTES = Tokenizer(kind="bytes", first_byte=FIRST_BYTE, end=END)


def encode(text: str) -> list[int]:
    """Return the ids of a text's UTF-8 bytes."""
    return [byte + FIRST_BYTE for byte in text.encode()]
