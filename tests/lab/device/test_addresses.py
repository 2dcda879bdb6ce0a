"""Addresses of phones that are reached over TCP."""

from __future__ import annotations

import pytest

from lab.device.addresses import address_of
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
