"""Put back the settings that the journal lists for a device, unless a reboot or somebody else changed them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.device.care import journal
from lab.device.care.journal import Entry
from lab.device.care.settings import Knob, named
from lab.device.care.shell import Shell, another_boot
from lab.device.transport import Device
from lab.errors import DeviceError, DeviceRefused


@dataclass(frozen=True)
class Restored:
    """The names of settings that were put back and of those still pending, and messages for the device's owner."""

    undone: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def restore(device: Device, root: Path, *, sleep: Callable[[float], None] = time.sleep) -> Restored:
    """Put back what the journal says of a device, newest first; leave alone what somebody else changed since.

    If the device is away or refuses, nothing is raised: the entries stay in the journal, and `told` says so.
    Call it with the device's lease held. Raises `StoreError` when the journal cannot be read or written.
    """
    name = device.identity.name
    if device.identity.kind == "host":
        return Restored()
    book, damage = journal.read(root)
    told = [damage] if damage else []
    entries = journal.of(book, name)
    undone: list[str] = []
    over: list[Entry] = []
    try:
        if book:
            shell = Shell(device, sleep)
            entries = journal.of(book, name, shell.serialno)
        for entry in reversed(entries):
            became = _undo(shell, entry)
            if became.over:
                over.append(entry)
            if became.over and not became.words:
                undone.append(entry.setting)
            told += [f"{name}: {became.words}"] if became.words else []
    except DeviceError as error:
        told += [f"{name}: disconnected before everything was put back ({error})"] if entries else []
    pending = tuple(entry.setting for entry in entries if entry not in over)
    if pending:
        told.append(f"{name}: {_pending(name, pending)}")
    journal.forget(root, over)
    return Restored(tuple(undone), pending, tuple(told))


def still_changed(root: Path, name: str, serialno: str = "") -> str:
    """Return what the journal says is still changed on a device and what to do, in words; asks no device.

    Empty if nothing is. Raises `StoreError` when the journal cannot be read.
    """
    entries = journal.of(journal.read(root)[0], name, serialno)
    return _pending(name, [entry.setting for entry in entries]) if entries else ""


def changed_elsewhere(root: Path, here: Collection[str]) -> list[str]:
    """Return what is still changed on each device that is not `here` now, in words; raises `StoreError`."""
    away = {entry.device for entry in journal.read(root)[0] if not {entry.device, entry.serialno} & set(here)}
    return [f"{name}: not attached; {still_changed(root, name)}" for name in sorted(away)]


def _pending(name: str, settings: Sequence[str]) -> str:
    return (
        f"still changed: {', '.join(settings)}; the lab tries again at the next contact. To try now: "
        f"`lab devices restore {shlex.quote(name)}`"
    )


def left(device: Device, root: Path) -> tuple[Entry, ...]:
    """Return what is still to be put back on a device, even if it had another name when it was changed.

    Raises `DeviceLost`, and `StoreError` when the journal cannot be read.
    """
    book, _ = journal.read(root)
    return journal.of(book, device.identity.name, Shell(device).serialno) if book else ()


@dataclass(frozen=True)
class _Undone:
    """The end of one attempt: `over` if the journal can forget the entry, and a message for the owner."""

    over: bool
    words: str = ""


def _undo(shell: Shell, entry: Entry) -> _Undone:
    """Put one setting back, if that is still necessary."""
    try:
        knob = named(entry.setting, shell.root)
    except DeviceRefused as error:
        return _Undone(False, str(error))
    if knob is None:
        return _Undone(False, f"this version of the lab does not know {entry.setting}; it was {entry.before}")
    if another_boot(entry.boot_id, shell.boot_id) and not knob.survives_reboot:
        return _Undone(True)
    return _put_back(shell, knob, entry) if knob.blind else _if_ours(shell, knob, entry)


def _if_ours(shell: Shell, knob: Knob, entry: Entry) -> _Undone:
    """Put a setting back if it has the value that the lab wrote, or if that value was never read back."""
    found = shell.read(knob)
    if found.problem:
        return _Undone(False, f"{knob.name} could not be read: {found.problem}")
    if knob.same(entry.before, found.text):
        return _Undone(True)
    if not entry.proven or any(knob.same(value, found.text) for value in entry.wrote):
        return _put_back(shell, knob, entry)
    return _Undone(
        True,
        f"{knob.name} reads {found.text}, and the lab had set it to {' or '.join(entry.wrote)}: somebody else "
        f"changed it since, so the lab leaves it alone (it was {entry.before})",
    )


def _put_back(shell: Shell, knob: Knob, entry: Entry) -> _Undone:
    wrote = shell.ask(knob.write(entry.before))
    found = shell.read_back(knob, entry.before)
    if knob.blind and found.problem and not wrote.problem:  # nothing more can be known
        return _Undone(True)
    if not found.problem and knob.same(entry.before, found.text):
        return _Undone(True)
    why = wrote.problem or found.problem or f"the device reported success and reads {found.text}"
    return _Undone(False, f"{knob.name} could not be put back to {entry.before}: {why}")
