"""A conversation with an adb server that refuses, breaks off, falls silent or answers in pieces."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from lab.device.adb.wire import Link, WireLost, WireRefused

Says = Callable[[Callable[[socket.socket], None]], tuple[str, int]]


@pytest.fixture
def server() -> Iterator[Says]:
    """Return the address of a server that has one conversation, given by a function."""
    listener = socket.create_server(("127.0.0.1", 0))

    def make(converse: Callable[[socket.socket], None]) -> tuple[str, int]:
        def serve() -> None:
            with suppress(OSError):  # a test that sends nothing may end before this begins
                conversation, _ = listener.accept()
                with conversation:
                    converse(conversation)

        threading.Thread(target=serve, daemon=True).start()
        host, port = listener.getsockname()
        return host, port

    yield make
    listener.close()


def request(conversation: socket.socket) -> str:
    """Read one request."""
    return conversation.recv(int(conversation.recv(4), 16)).decode()


def answer(content: bytes) -> Callable[[socket.socket], None]:
    """Return a conversation that answers one request with `content`, and ends."""

    def converse(conversation: socket.socket) -> None:
        request(conversation)
        conversation.sendall(content)

    return converse


def packet(kind: int, body: bytes) -> bytes:
    """Return a packet of the shell protocol: kind, length as 32 bits, body (AOSP `shell_protocol.h`)."""
    return struct.pack("<BI", kind, len(body)) + body


def test_a_refusal_carries_the_servers_words(server: Says) -> None:
    """FAIL, a length in four hexadecimal digits, and the reason."""
    address = server(answer(b"FAIL000enot attached :"))

    with Link(address, within_s=5) as link, pytest.raises(WireRefused, match="not attached :"):
        link.request("host:features")


def test_an_answer_of_another_protocol_ends_the_conversation(server: Says) -> None:
    """Something else listens on the port."""
    address = server(answer(b"HTTP"))

    with Link(address, within_s=5) as link, pytest.raises(WireLost, match="which is not its protocol"):
        link.request("host:version")


def test_a_request_that_is_too_long_is_not_sent(server: Says) -> None:
    """Its length must fit in four hexadecimal digits."""
    address = server(lambda said: None)

    with Link(address, within_s=5) as link, pytest.raises(WireRefused, match="65536 bytes is too long"):
        link.request("x" * 0x10000)


def test_a_shells_output_and_status_are_read_from_any_pieces(server: Says) -> None:
    """A packet may be cut anywhere on the way; the input ends with a packet of its own."""
    came = bytearray()

    def converse(said: socket.socket) -> None:
        assert request(said) == "shell,v2,raw:cat"
        said.sendall(b"OKAY")
        while not came.endswith(packet(4, b"")):
            came.extend(said.recv(100))
        for byte in packet(1, b"out") + packet(2, b"err") + packet(3, b"\7"):
            said.sendall(bytes([byte]))

    with Link(server(converse), within_s=20) as link:
        done = link.shell("cat", [b"in"])

    assert (done.status, done.stdout, done.stderr) == (7, b"out", b"err")
    assert bytes(came) == packet(0, b"in") + packet(4, b"")


def test_a_server_that_closes_in_the_middle_is_lost(server: Says) -> None:
    """Before the exit packet, nothing is known of the command."""
    address = server(answer(b"OKAY" + packet(1, b"half")))

    with Link(address, within_s=5) as link, pytest.raises(WireLost):
        link.shell("true")


@pytest.mark.parametrize(
    ("within_s", "stall_s", "why"),
    [(60, 0.05, r"nothing moved for 0\.05 s"), (0.05, 60, r"not done within 0\.05 s")],
)
def test_silence_ends_a_conversation(server: Says, within_s: float, stall_s: float, why: str) -> None:
    """By the stall rule or by the deadline, and the message says by which."""
    over = threading.Event()
    address = server(lambda said: (over.wait(60), None)[1])

    with Link(address, within_s=within_s, stall_s=stall_s) as link, pytest.raises(WireLost, match=why):
        link.exactly(1)
    over.set()
