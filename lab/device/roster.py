"""The devices that are attached, and the choice among them by the words that a person types."""

from __future__ import annotations

import logging
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from lab.device import android, health, lease
from lab.device.adb.server import Attached, Server, attached, connect_tcp, disconnect_tcp
from lab.device.adb.transport import AdbTransport
from lab.device.addresses import addresses, knock
from lab.device.android import Description
from lab.device.cores import HOST
from lab.device.transport import Device
from lab.errors import DeviceError, DeviceLost, DeviceRefused
from lab.records import DeviceIdentity

log = logging.getLogger(__name__)

READY, OFFLINE, AWAY, SILENT = "device", "offline", "away", "silent"
"""States: adb's own words for a usable device, and for one that it cannot reach now; an address that does not
answer; a shell that does not answer."""

AT_ONCE = 16
"""How many devices are asked at the same time. A judgement: each costs one waiting thread."""

ADVICE = {
    "unauthorized": "unlock its screen and allow USB debugging for this computer; if no prompt appears, replug it",
    OFFLINE: "adb sees it but gets no answer: replug it, or restart it",
    "no permissions": "this user may not open its USB port: add a udev rule for it, or join the group plugdev",
    "authorizing": "adb is still authorizing it; look again in a moment",
    "recovery": "it is in recovery: restart it",
    "sideload": "it waits for an update: restart it",
    "bootloader": "it is in its bootloader: restart it",
    "unreadable": "its name cannot be used; detach it, or give it another serial",
    SILENT: "its shell does not answer: restart it, or look again in a minute if it is just starting",
}
"""For each state in which a device cannot be used, what to do about it."""


@dataclass(frozen=True)
class Entry:
    """A device that is attached, or should be: its own description, and what the lab knows about it."""

    found: Description
    held_by: str = ""
    quarantined: str | None = None

    @property
    def name(self) -> str:
        """Return the device's name."""
        return self.found.name

    @property
    def state(self) -> str:
        """Return the state as one word: adb's own, or `quarantined`."""
        return "quarantined" if self.usable is False and self.found.state == READY else self.found.state

    @property
    def usable(self) -> bool:
        """Say whether a run may use it."""
        return self.found.state == READY and self.quarantined is None

    @property
    def advice(self) -> str:
        """Return why it cannot be used and what to do; for a usable device, its own detail, if any."""
        if self.quarantined is not None:
            release = f"lab devices release {shlex.quote(self.name)}"
            return f"quarantined: {self.quarantined}; once that is fixed: {release}"
        if self.found.state == READY:
            return self.found.detail
        if self.found.state == AWAY:
            return f"{self.found.detail}; to forget it: lab devices disconnect {shlex.quote(self.found.serial)}"
        known = next((words for state, words in ADVICE.items() if self.found.state.startswith(state)), "")
        detail = "" if known and self.found.state != SILENT else self.found.detail  # adb's own words add nothing
        return "; ".join(filter(None, (self.found.state, detail, known)))


def look(server: Server, root: Path) -> list[Entry]:
    """Connect to the remembered addresses, then describe every attached device, several at once.

    Raises `DeviceError` when the adb server cannot be reached.
    """
    missing = _reach(server, root)
    present = attached(server)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda each: described(server, each), present))
        entries = list(pool.map(lambda each: _entry(server, root, each), _distinct(found)))
    away = {entry.name for entry in missing}
    entries = [each for each in entries if each.found.serial not in away or each.found.state != OFFLINE]
    here = {entry.found.serial for entry in entries}
    return sorted([*entries, *(each for each in missing if each.name not in here)], key=lambda entry: entry.name)


def described(server: Server, device: Attached) -> Description:
    """Describe one device; say so in its description if it does not answer in time."""
    try:
        return android.describe(server, device)
    except DeviceError as error:
        return _unknown(device.serial, SILENT, str(error))


def _unknown(serial: str, state: str, detail: str) -> Description:
    return Description(
        name=serial,
        serial=serial,
        kind="phone",
        soc="",
        android="",
        state=state,
        free_bytes=None,
        celsius=None,
        thermal_status=None,
        detail=detail,
    )


def _distinct(found: Sequence[Description]) -> list[Description]:
    """Name devices that claim the same name by their adb serials."""
    claimed = Counter(each.name for each in found)
    return [replace(each, name=each.serial) if claimed[each.name] > 1 else each for each in found]


def _entry(server: Server, root: Path, found: Description) -> Entry:
    held_by = ""
    if found.state == READY:
        try:
            holder = lease.holder(AdbTransport(server, found.serial))
            held_by = holder.owner if holder else ""
        except DeviceError as error:
            found = replace(found, state=SILENT, detail=str(error))
    return Entry(found, held_by, health.quarantined(root, found.name))


# --- what a person means -------------------------------------------------------------------------------


def choose(text: str, entries: Sequence[Entry], *, tell: Callable[[str], None] = log.warning) -> list[str | Entry]:
    """Return the devices that `text` means, each once: entries, and the word `host` for this machine.

    Raises `DeviceRefused`, with a list of what is attached, for a named device that cannot be used. Leaves out an
    unusable device that only `all` or `soc:` includes, and reports it to `tell`.
    """
    chosen: list[str | Entry] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        found = [HOST] if word == HOST else _meant(word, entries, tell)
        chosen += [each for each in found if each not in chosen]
    if not chosen:
        raise DeviceRefused(f"wanted a device, found {text!r}; {listed(entries)}")
    return chosen


def _meant(word: str, entries: Sequence[Entry], tell: Callable[[str], None]) -> list[Entry]:
    if word == "all" or word.startswith("soc:"):
        soc = word.removeprefix("soc:").lower()
        group = [entry for entry in entries if word == "all" or entry.found.soc.lower() == soc]
        for entry in group:
            if not entry.usable:
                tell(f"left out: {entry.name}: {entry.advice}")
        usable = [entry for entry in group if entry.usable]
        if not usable:
            what = "no device that can be used" if word == "all" else f"no usable device with SoC {word[4:]}"
            raise DeviceRefused(f"{word}: found {what}; {listed(entries)}")
        return usable
    named = [entry for entry in entries if word in (entry.name, entry.found.serial)]
    if not named:
        silent = [f"\n{each.name}: {each.advice}" for each in entries if each.found.state != READY]
        maybe = "".join([". Is it one of these, which do not tell their names?", *silent] if silent else [])
        raise DeviceRefused(f"no device {word!r}; {listed(entries)}{maybe}")
    if not named[0].usable:
        raise DeviceRefused(f"{named[0].name}: {named[0].advice}")
    return named[:1]


def listed(entries: Sequence[Entry]) -> str:
    """Return the devices that could have been named, as the end of a message."""
    words = [f"{each.name} ({each.found.soc if each.usable else each.state})" for each in entries]
    return f"known: {', '.join([HOST, *words])} (`lab devices` shows more; `lab devices connect` adds one by TCP)"


def connect(server: Server, entry: Entry, agents: Path) -> Device:
    """Return the device behind an entry, under the entry's name; raises `DeviceError`."""
    device = android.connect(server, entry.found.serial, agents)
    return replace(device, identity=replace(device.identity, name=entry.name))


def bare(server: Server, entry: Entry) -> Device:
    """Return the device behind an entry without an agent, for work that only needs its shell."""
    found = entry.found
    return Device(
        identity=DeviceIdentity(entry.name, found.kind or "phone", found.soc, "", ()),
        transport=AdbTransport(server, found.serial),
        agent=(),
        environment={},
        scratch=lease.SCRATCH,
    )


# --- devices reached by TCP ----------------------------------------------------------------------------


def _reach(server: Server, root: Path) -> list[Entry]:
    """Connect to the remembered addresses that are not attached; return entries for those that do not answer."""
    wanted = addresses(root)
    if not wanted:
        return []
    states = {each.serial: each.state for each in attached(server)}

    def reach(address: str) -> Entry | None:
        state = AWAY
        try:
            state = OFFLINE if knock(server, address) else AWAY
            if states.get(address) == OFFLINE:  # adb would say "already connected", and retry when it likes
                disconnect_tcp(server, address)
            connect_tcp(server, address)
        except (DeviceLost, DeviceRefused) as error:
            return Entry(_unknown(address, state, str(error)))
        return None

    missing = [address for address in wanted if states.get(address) != READY]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [each for each in pool.map(reach, missing) if each is not None]
