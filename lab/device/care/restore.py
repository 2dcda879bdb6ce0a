"""One entry of the journal is undone: what a reboot undid, what somebody else changed, and what is put back."""

from __future__ import annotations

from dataclasses import dataclass

from lab.device.care.journal import Entry
from lab.device.care.settings import Knob, named
from lab.device.care.shell import Shell, another_boot
from lab.errors import DeviceRefused


@dataclass(frozen=True)
class Undone:
    """Whether nothing is left to be done for an entry, and what is to be told of it."""

    over: bool
    words: str = ""


def undo(shell: Shell, entry: Entry) -> Undone:
    """Put one setting back, if it is still to be."""
    try:
        knob = named(entry.setting, shell.root)
    except DeviceRefused as error:
        return Undone(False, str(error))
    if knob is None:
        return Undone(False, f"{entry.setting} is not known to this version of the lab; it was {entry.before}")
    if another_boot(entry.boot_id, shell.boot_id) and not knob.survives_reboot:
        return Undone(True)
    return _put_back(shell, knob, entry) if knob.blind else _if_ours(shell, knob, entry)


def _if_ours(shell: Shell, knob: Knob, entry: Entry) -> Undone:
    """Put a setting back that has the value that the lab gave it, or whose value was never read back."""
    found = shell.read(knob)
    if found.problem:
        return Undone(False, f"{knob.name} could not be read: {found.problem}")
    if knob.same(entry.before, found.text):
        return Undone(True)
    if not entry.proven or any(knob.same(value, found.text) for value in entry.wrote):
        return _put_back(shell, knob, entry)
    return Undone(
        True,
        f"{knob.name} reads {found.text}, and the lab had set it to {' or '.join(entry.wrote)}: somebody else "
        f"changed it since, so it is left alone (it was {entry.before})",
    )


def _put_back(shell: Shell, knob: Knob, entry: Entry) -> Undone:
    wrote = shell.ask(knob.write(entry.before))
    found = shell.read_back(knob, entry.before)
    if knob.blind and found.problem and not wrote.problem:  # there is nothing more to be known
        return Undone(True)
    if not found.problem and knob.same(entry.before, found.text):
        return Undone(True)
    why = wrote.problem or found.problem or f"the device reported success and reads {found.text}"
    return Undone(False, f"{knob.name} could not be put back to {entry.before}: {why}")
