"""Addresses of phones reached over TCP, kept in the data root."""

from __future__ import annotations

import json
import logging
import re
import socket
from pathlib import Path

from lab.device.adb.server import Server
from lab.errors import DeviceLost, DeviceRefused
from lab.files import disk_errors, make_folder, write_atomically

log = logging.getLogger(__name__)

ADB_PORT = 5555
"""What `adb tcpip` and adbd use when no port is named (the AOSP documentation of adb)."""


KNOCK_S = 3.0
"""How long a remembered address is tried; a judgement: a phone on the same network answers within milliseconds."""


def address_of(text: str) -> str:
    """Return HOST:PORT, with adb's own port where none is named; raises `DeviceRefused`."""
    match = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?::(\d{1,5}))?", text)
    if match is None or int(match[2] or ADB_PORT) not in range(1, 2**16):
        raise DeviceRefused(f"{text!r}: wanted an address, such as 192.168.1.20:5555 or phone.lan")
    return f"{match[1]}:{match[2] or ADB_PORT}"


def addresses(root: Path) -> list[str]:
    """Return the addresses that were connected and not disconnected since; a damaged file holds none."""
    try:
        found = json.loads(_file(root).read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        log.warning("%s: not readable (%s): no address is remembered", _file(root), error)
        return []
    return sorted({each for each in found if isinstance(each, str)}) if isinstance(found, list) else []


def remember(root: Path, address: str) -> None:
    """Connect to an address from now on whenever devices are looked for."""
    _write(root, sorted({*addresses(root), address}))


def forget(root: Path, address: str) -> None:
    """Do so no more."""
    _write(root, [each for each in addresses(root) if each != address])


def _write(root: Path, found: list[str]) -> None:
    with disk_errors("remember an address", _file(root)):
        make_folder(_file(root).parent)
        write_atomically(_file(root), json.dumps(found, indent=1).encode() + b"\n")


def _file(root: Path) -> Path:
    return root / "devices" / "addresses.json"


def knock(server: Server, address: str) -> bool:
    """Say whether something listens at an address, as far as this host can know.

    Raises `DeviceLost` at once where nothing does: adb itself tries for ten seconds.
    """
    if not server.on_loopback:
        return False  # another host may reach what this one cannot
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()
    except OSError as error:
        raise DeviceLost(f"{address}: does not answer ({error.strerror or error})") from error
    return True
