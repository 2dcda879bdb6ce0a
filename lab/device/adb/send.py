"""Send many files to an adb device in one conversation of the sync protocol, without waiting for answers.

The device answers each file with eight bytes, which we read at the end: waiting for each would leave the link idle
for a round trip per file (docs/adr/0008). Source: AOSP packages/modules/adb, `SYNC.TXT`, `file_sync_service.cpp`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.device.adb.wire import CHUNK, LONGEST_REQUEST, Link, WireRefused

MODE = 0o100755
"""The mode of files on the device: regular and executable, because some are programs."""

_WORD = struct.Struct("<4sI")


def send_many(
    link: Link, files: Sequence[tuple[Path, str]], *, progress: Callable[[int], None] = lambda sent: None
) -> None:
    """Write each file to its target; call `progress` with the number of bytes sent so far.

    The device makes the folders, replaces existing files, and removes a file during which the link breaks. Raises
    `WireRefused` with the device's own words, e.g. when its disk is full.
    """
    link.request("sync:")
    packet = memoryview(bytearray(_WORD.size + CHUNK))
    sent = answers = 0
    for source, target in files:
        name = f"{target},{MODE}".encode()
        link.send(_WORD.pack(b"SEND", len(name)) + name)
        with source.open("rb", buffering=0) as file:
            while size := file.readinto(packet[_WORD.size :]):
                _WORD.pack_into(packet, 0, b"DATA", size)
                link.send(packet[: _WORD.size + size])
                sent += size
                progress(sent)
        link.send(_WORD.pack(b"DONE", 0))
        while link.answered():  # a full disk is reported at once, and the device drops all that follows
            answers += _accepted(link)
    while answers < len(files):
        answers += _accepted(link)
    link.send(_WORD.pack(b"QUIT", 0))


def _accepted(link: Link) -> int:
    """Read the answer to one file; return 1."""
    word, length = _WORD.unpack(link.exactly(_WORD.size))
    if word != b"OKAY":
        raise WireRefused(link.exactly(min(length, LONGEST_REQUEST)).decode(errors="replace"))
    return 1
