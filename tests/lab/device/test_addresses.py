"""Addresses of phones that are reached over TCP."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.device.addresses import address_of, addresses
from lab.errors import DeviceRefused


@pytest.mark.parametrize(
    ("text", "address"),
    [("phone.lan", "phone.lan:5555"), ("192.168.1.20:4444", "192.168.1.20:4444"), ("a b", None), ("x:0", None)],
)
def test_an_address_has_a_port(text: str, address: str | None) -> None:
    """5555 where none is named; nonsense is refused."""
    if address is None:
        with pytest.raises(DeviceRefused, match="wanted an address"):
            address_of(text)
    else:
        assert address_of(text) == address


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[", "Expecting value"),
        (b"{}", "wanted a list of texts, found dict"),
        (b'["a", 1]', "wanted a list of texts, found list"),
        (None, "wanted a regular file, found a pipe)"),
    ],
)
def test_a_damaged_file_remembers_no_address_and_says_how_it_is_written_anew(
    content: bytes | None, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A phone that is not looked for must not go unnoticed."""
    path = tmp_path / "devices" / "addresses.json"
    path.parent.mkdir()
    os.mkfifo(path) if content is None else path.write_bytes(content)

    assert addresses(tmp_path) == []
    assert f"{path}: not readable (" in caplog.text and why in caplog.text
    assert "`lab devices connect ADDRESS` replaces the file" in caplog.text
