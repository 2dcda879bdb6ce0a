"""The devices that are attached, and the choice among them by the words that a person types."""

from __future__ import annotations

import logging
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from lab.device import android, health, lease
from lab.device.adb.server import Server, attached, connect_tcp, disconnect_tcp
from lab.device.adb.transport import AdbTransport
from lab.device.addresses import addresses, knock
from lab.device.android import READY, REFUSED, SILENT, STARTING, Description
from lab.device.care.restore import still_changed
from lab.device.cores import HOST
from lab.device.transport import Device
from lab.errors import DeviceError, DeviceLost, DeviceRefused
from lab.records import DeviceIdentity

log = logging.getLogger(__name__)

OFFLINE, AWAY = "offline", "away"
"""States: adb's own word for a device that it cannot reach now; an address that does not answer."""

AT_ONCE = 16
"""How many devices are asked at the same time. A judgement: each costs one waiting thread."""

ADVICE = {
    "unauthorized": "unlock its screen and allow USB debugging for this computer; if no prompt appears, replug it",
    OFFLINE: "adb sees it but gets no answer: replug it, or restart it",
    "connecting": "adb is still connecting to it; look again in a moment",
    "detached": "adb let go of it: replug it",
    "no permissions": "this user may not open its USB port: add a udev rule for it, or join the group plugdev",
    "authorizing": "adb is still authorizing it; look again in a moment",
    "recovery": "it is in recovery: restart it",
    "rescue": "it is in rescue mode: restart it",
    "sideload": "it waits for an update: restart it",
    "bootloader": "it is in its bootloader: restart it",
    "host": "another computer's adb answers there, not a phone: detach it",
    "unknown": "adb does not know its state: replug it, or restart it",
    STARTING: "look again in a minute",
    SILENT: "look again in a minute; if that changes nothing, restart it",
}
"""For each state in which a device cannot be used, what to do about it. Other states explain themselves."""

_OWN_WORDS = frozenset({STARTING, SILENT, REFUSED, AWAY})
"""The states whose detail says more than the state; adb's own words for its states add nothing."""


@dataclass(frozen=True)
class Entry:
    """A device that is attached, or should be: its own description, and what the lab knows about it.

    `changed` says which settings a lab left changed; empty while a lab holds the device: that one puts them back.
    """

    found: Description
    held_by: str = ""
    quarantined: str | None = None
    changed: str = ""

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
        """Return why it cannot be used and what to do, or a usable device's own detail; then what is changed."""
        return "; ".join(filter(None, (self._told(), self.changed)))

    def _told(self) -> str:
        if self.quarantined is not None:
            release = f"lab devices release {shlex.quote(self.name)}"
            return f"quarantined: {self.quarantined}; once that is fixed: `{release}`"
        found = self.found
        if found.state == READY:
            also = f"also at {', '.join(found.also)}" if found.also else ""
            return "; ".join(filter(None, (found.detail, also)))
        if found.state == AWAY:
            return f"{found.detail}; to forget it: `lab devices disconnect {shlex.quote(found.serial)}`"
        known = next((words for state, words in ADVICE.items() if found.state.startswith(state)), "")
        if found.state == OFFLINE and _by_address(found.serial) == 1:
            known += (
                f"; over a network: `lab devices disconnect {shlex.quote(found.serial)}`, then connect it again"
            )
        detail = found.detail if not known or found.state in _OWN_WORDS else ""
        return "; ".join(filter(None, (found.state, detail, known)))

    def called(self, word: str) -> bool:
        """Say whether a word is its name, or one of its adb serials."""
        return word in (self.name, self.found.serial, *self.found.also)


def look(server: Server, root: Path) -> list[Entry]:
    """Connect to the remembered addresses, then describe every attached device, several at once.

    Raises `DeviceError` when the adb server cannot be reached.
    """
    missing = _reach(server, root)
    present = attached(server)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda each: android.describe(server, each), present))
        entries = list(pool.map(lambda each: _entry(server, root, each), _distinct(once(found))))
    away = {entry.name for entry in missing}
    entries = [each for each in entries if each.found.serial not in away or each.found.state != OFFLINE]
    here = {serial for entry in entries for serial in (entry.found.serial, *entry.found.also)}
    return sorted([*entries, *(each for each in missing if each.name not in here)], key=lambda entry: entry.name)


def once(found: Sequence[Description]) -> list[Description]:
    """Return each phone once, though it may be attached in several ways: by its cable if that is one of them.

    One phone has one serial of its own, which is no dummy, and one boot id. Two phones with the same serial differ
    in their boot ids, and stay two.
    """
    ways: dict[tuple[str, str], list[Description]] = defaultdict(list)
    for each in found:
        if each.state == READY and each.own_serial and each.boot_id:
            ways[each.own_serial, each.boot_id].append(each)
    dropped: set[str] = set()
    also: dict[str, tuple[str, ...]] = {}
    for same in ways.values():
        first, *others = sorted((each.serial for each in same), key=lambda serial: (_by_address(serial), serial))
        also[first] = tuple(others)
        dropped |= {*others}
    kept = (each for each in found if each.serial not in dropped)
    return [replace(each, also=also[each.serial]) if also.get(each.serial) else each for each in kept]


def _by_address(serial: str) -> int:
    """Say how adb reaches a device: 0 not over a network, 1 at an address, 2 by a name found on the network."""
    return 2 if "._adb" in serial else int(re.fullmatch(r".+:\d+", serial) is not None)


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
            found = replace(found, state=android.state_of(error), detail=str(error))
    changed = "" if held_by else still_changed(root, found.name, found.own_serial)
    return Entry(found, held_by, health.quarantined(root, found.name), changed)


# --- what a person means -------------------------------------------------------------------------------


def choose(text: str, entries: Sequence[Entry], *, tell: Callable[[str], None] = log.warning) -> list[str | Entry]:
    """Return the devices that `text` means, each once: entries, and the word `host` for this machine.

    Raises `DeviceRefused`, with a list of what is attached, for a named device that cannot be used. What `all` or
    `soc:` leaves out, it reports to `tell`, with the reason.
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
        usable = []
        for entry in entries:
            why = "" if entry.usable else entry.advice
            if entry.usable and word != "all" and not _has_soc(entry.found, word.removeprefix("soc:")):
                why = f"its SoC is {entry.found.soc}"
            if why:
                tell(f"left out: {entry.name}: {why}")
                continue
            usable.append(entry)
            for serial in entry.found.also:
                tell(f"left out: {serial}: it is {entry.name}, which is attached twice")
        if not usable:
            what = "no device that can be used" if word == "all" else f"no usable device with SoC {word[4:]}"
            raise DeviceRefused(f"{word}: found {what}; {listed(entries)}")
        return usable
    named = [entry for entry in entries if entry.called(word)]
    if not named:
        silent = [f"\n{each.name}: {each.advice}" for each in entries if each.found.state != READY]
        maybe = "".join([". Is it one of these, which do not tell their names?", *silent] if silent else [])
        raise DeviceRefused(f"no device {word!r}; {listed(entries)}{maybe}")
    if not named[0].usable:
        raise DeviceRefused(f"{named[0].name}: {named[0].advice}")
    return named[:1]


def _has_soc(found: Description, wanted: str) -> bool:
    """Say whether a device has a SoC: `MT6989` is also the beginning of `MT6989W/TCZA`, but not of `MT69891`."""
    begins = re.compile(rf"{re.escape(wanted)}(?!\d)", re.IGNORECASE)
    return bool(wanted) and any(begins.match(name) for name in (found.soc, found.platform))


def listed(entries: Sequence[Entry]) -> str:
    """Return the devices that could have been named, as the end of a message."""
    words = [f"{each.name} ({each.found.soc if each.usable else each.state})" for each in entries]
    more = "`lab devices` shows more; `lab devices connect ADDRESS` adds one by TCP"
    return f"known: {', '.join([HOST, *words])} ({more})"


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
            return Entry(android.nothing_known(address, state, str(error)))
        return None

    missing = [address for address in wanted if states.get(address) != READY]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [each for each in pool.map(reach, missing) if each is not None]
