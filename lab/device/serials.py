"""Which serials are a device's own, and which many devices share."""

from __future__ import annotations

GENERIC = frozenset({"", "0123456789ABCDEF", "unknown", "null"})
"""Serials that many devices share (DeviceFarmer/stf README; device_care.md, section 1)."""


def own(serialno: str) -> str:
    """Return a device's own serial, whichever way it is reached; empty where it says none, or one of `GENERIC`."""
    return "" if serialno in GENERIC else serialno
