"""Ids, times and people of the lab's records."""

from __future__ import annotations

import getpass
import os
import platform
import secrets
import time
import uuid
from datetime import UTC, datetime


def new_run_id(now_ns: int | None = None) -> str:
    """Return a UUIDv7, so that ids sort by creation time.

    Layout of RFC 9562, sec. 5.7: 48 bits of Unix milliseconds, version 7, 12 bits that continue the
    clock below the millisecond (sec. 6.2, method 3), variant 2, 62 random bits. `now_ns` is Unix time.
    """
    milliseconds, rest_ns = divmod(time.time_ns() if now_ns is None else now_ns, 1_000_000)
    fraction = rest_ns * 4096 // 1_000_000
    number = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=number))


def now_utc() -> str:
    """Return the current time as ISO 8601 in UTC, to the millisecond: ``2026-11-23T01:02:03.456Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def person() -> str:
    """Return the user of this process and their machine: ``ada@desk``."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        user = f"user {os.getuid()}"
    return f"{user}@{platform.node() or 'unnamed'}"


def seconds(value: float) -> str:
    """Return a duration as people read it: whole seconds from 10 s on, below that two significant digits."""
    return f"{value:.0f} s" if abs(value) >= 9.95 else f"{float(f'{value:.2g}'):.4g} s"
