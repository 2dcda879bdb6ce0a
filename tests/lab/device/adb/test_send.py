"""Many files in one conversation of the sync protocol, to a stand-in for adbd's side of it."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from lab.device.adb.send import send_many
from lab.device.adb.wire import Link, WireRefused


class Adbd(threading.Thread):
    """One conversation of adbd: keeps arriving files in `files`; `fails` is (which answer is FAIL, its words)."""

    def __init__(self, fails: tuple[int, bytes] | None = None) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.fails = fails
        self.files: dict[str, bytes] = {}

    def run(self) -> None:
        """Read requests until QUIT (AOSP `SYNC.TXT`), or until the lab hangs up after a refusal."""
        with suppress(OSError):
            self._converse()

    def _converse(self) -> None:
        conversation, _ = self.listener.accept()
        with conversation, self.listener, conversation.makefile("rb") as said:
            assert said.read(9) == b"0005sync:"
            conversation.sendall(b"OKAY")
            name, data, answers = "", b"", 0
            while header := said.read(8):
                word, length = struct.unpack("<4sI", header)
                if word == b"SEND":
                    name, data = said.read(length).decode(), b""
                elif word == b"DATA":
                    data += said.read(length)
                elif word == b"DONE":
                    self.files[name] = data
                    if self.fails is not None and self.fails[0] == answers:
                        conversation.sendall(struct.pack("<4sI", b"FAIL", len(self.fails[1])) + self.fails[1])
                    else:
                        conversation.sendall(struct.pack("<4sI", b"OKAY", 0))
                    answers += 1
                else:
                    return


def test_many_files_arrive_whole_and_executable(tmp_path: Path) -> None:
    """One larger than a packet, one empty; progress counts the bytes of all."""
    contents = {"big": bytes(range(256)) * 1000, "empty": b"", "small": b"s"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    adbd, sent = Adbd(), list[int]()
    adbd.start()

    with Link(adbd.listener.getsockname(), within_s=20) as link:
        send_many(link, [(tmp_path / name, f"/parts/{name}") for name in contents], progress=sent.append)
    adbd.join(20)

    assert adbd.files == {f"/parts/{name},{0o100755}": content for name, content in contents.items()}
    assert sent[-1] == 256_001


def test_a_full_disk_is_reported_in_the_devices_words(tmp_path: Path) -> None:
    """The answer to any file may be a refusal."""
    (tmp_path / "file").write_bytes(b"x")
    adbd = Adbd(fails=(1, b"write failed: No space left on device"))
    adbd.start()

    with (
        Link(adbd.listener.getsockname(), within_s=20) as link,
        pytest.raises(WireRefused, match="No space left on device"),
    ):
        send_many(link, [(tmp_path / "file", f"/parts/{number}") for number in range(3)])
