"""The addresses of phones reached over TCP, kept in the data root."""

from __future__ import annotations

import json
import logging
import re
import socket
from pathlib import Path

from lab.device.adb.server import Server
from lab.documents.strict import json_of
from lab.errors import DeviceLost, DeviceRefused
from lab.files import disk_errors, make_folder, read, write_atomically

log = logging.getLogger(__name__)

ADB_PORT = 5555
"""The port that `adb tcpip` and adbd use by default (AOSP's documentation of adb)."""

KNOCK_S = 3.0
"""How long to try a remembered address. A judgement: a phone on the same network answers within milliseconds."""


def address_of(text: str) -> str:
    """Return HOST:PORT, with adb's own port if `text` names none. Raises `DeviceRefused` for other text."""
    match = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?::(\d{1,5}))?", text)
    if match is None or int(match[2] or ADB_PORT) not in range(1, 2**16):
        raise DeviceRefused(f"{text!r}: wanted an address, such as 192.168.1.20:5555 or phone.lan")
    return f"{match[1]}:{match[2] or ADB_PORT}"


def addresses(root: Path) -> list[str]:
    """Return the addresses that were connected and not disconnected since; none if the file is damaged."""
    try:
        found = json_of(read(_file(root)))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
    else:
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return sorted(set(found))
        why = f"wanted a list of texts, found {type(found).__name__}"
    log.warning(
        "%s: not readable (%s): remembered addresses are ignored; `lab devices connect ADDRESS` replaces the file",
        *(_file(root), why),
    )
    return []


def remember(root: Path, address: str) -> None:
    """Add an address that the lab connects to whenever it looks for devices."""
    _write(root, sorted({*addresses(root), address}))


def forget(root: Path, address: str) -> None:
    """Remove an address, so that the lab no longer connects to it."""
    _write(root, [each for each in addresses(root) if each != address])


def _write(root: Path, found: list[str]) -> None:
    with disk_errors("remember an address", _file(root)):
        make_folder(_file(root).parent)
        write_atomically(_file(root), json.dumps(found, indent=1).encode() + b"\n")


def _file(root: Path) -> Path:
    return root / "devices" / "addresses.json"


def knock(server: Server, address: str) -> bool:
    """Return True if something listens at an address; False if the adb server is elsewhere and we cannot know.

    Raises `DeviceLost` within `KNOCK_S` if nothing listens: adb itself would try for ten seconds.
    """
    if not server.on_loopback:
        return False  # another host may reach what this one cannot
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()
    except OSError as error:
        raise DeviceLost(f"{address}: does not answer ({error.strerror or error})") from error
    return True
