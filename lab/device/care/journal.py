"""The journal of settings that care changed and has not yet restored: `<root>/devices/care.json`.

It is written before the device is. It is a JSON list with one entry a line: from a cut or damaged file, the whole
lines can still be read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from lab.documents.strict import json_of
from lab.errors import StoreError
from lab.files import disk_errors, locked, make_folder, write_atomically
from lab.files import read as read_file
from lab.records.telling import number_of


class Entry(BaseModel):
    """One setting of one device: its value before, what was written (or the device made of it), when, and by whom.

    It is `proven` once the value read back is in `wrote`: until then the device may have made any value of it.
    `serialno` is the phone's own, empty where it has none: a phone that is reached both by cable and by Wi-Fi has
    two names. Older labs recorded neither.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    device: str
    setting: str
    before: str
    wrote: tuple[str, ...]
    boot_id: str
    at_utc: str
    lab: str
    proven: bool = True
    serialno: str = ""


_Entries = TypeAdapter(tuple[Entry, ...])


def path_of(root: Path) -> Path:
    """Return where the journal lies."""
    return root / "devices" / "care.json"


def read(root: Path) -> tuple[tuple[Entry, ...], str]:
    """Return all entries, oldest first, and a sentence about damage to the file; empty when there is none.

    A damaged file is kept as `care.damaged.json`, and rewritten with the entries that could be read. Raises
    `StoreError` when it cannot be read at all.
    """
    entries, damage = _read(path_of(root))
    if damage:
        _change(root, lambda found: found)
    return entries, damage


def of(entries: Iterable[Entry], device: str, serialno: str = "") -> tuple[Entry, ...]:
    """Return the entries of one device, even under another name; `serialno` is empty while it is unknown.

    A name may be an address that another phone has today, so the serials decide where both are known.
    """
    return tuple(
        entry
        for entry in entries
        if (
            entry.serialno == serialno
            if entry.serialno and serialno
            else entry.device in (device, serialno) or entry.serialno == device
        )
    )


def note(root: Path, entry: Entry) -> None:
    """Add an entry, or merge it into the setting's earlier entry: that keeps `before` and adds to `wrote`.

    The journal is on disk when this returns. Raises `StoreError`, `DiskFull`.
    """

    def change(found: tuple[Entry, ...]) -> tuple[Entry, ...]:
        same = (one for one in of(found, entry.device, entry.serialno) if one.setting == entry.setting)
        if (known := next(same, None)) is None:
            return (*found, entry)
        wrote = tuple(dict.fromkeys((*known.wrote, *entry.wrote)))
        serialno = entry.serialno or known.serialno
        now = {"wrote": wrote, "boot_id": entry.boot_id, "proven": entry.proven, "serialno": serialno}
        return tuple(one.model_copy(update=now) if one is known else one for one in found)

    _change(root, change)


def forget(root: Path, entries: Collection[Entry]) -> None:
    """Remove entries that did not change since they were read or noted. Raises `StoreError`, `DiskFull`."""
    if entries:
        _change(root, lambda found: tuple(one for one in found if one not in entries))


def _change(root: Path, change: Callable[[tuple[Entry, ...]], tuple[Entry, ...]]) -> None:
    """Read, change and write the file, one process at a time: all devices share one file."""
    path = path_of(root)
    with disk_errors("note what was changed on a device", path):
        make_folder(path.parent)
        with locked(path.with_name(".care.lock")):
            before, damage = _read(path)
            after = change(before)
            if damage:
                write_atomically(path.with_name("care.damaged.json"), path.read_bytes())
            if damage or after != before:
                lines = ",\n".join(entry.model_dump_json() for entry in after)
                write_atomically(path, f"[\n{lines}\n]\n".encode())


def _read(path: Path) -> tuple[tuple[Entry, ...], str]:
    try:
        content = read_file(path)
    except FileNotFoundError:
        return (), ""
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be read: {error.strerror or error}. It says what to restore on devices: check the "
            "folder's permissions"
        ) from error
    try:
        return _Entries.validate_json(content), ""
    except ValidationError:
        entries = tuple(filter(None, map(_entry, content.decode(errors="replace").splitlines())))
        aside = path.with_name("care.damaged.json")
        return entries, (
            f"{path} is damaged: {number_of(len(entries), 'setting')} to restore could be read from it, more "
            f"may be lost; it is kept as {aside.name}. Check the device's brightness, screen timeout and "
            "animations"
        )


def _entry(line: str) -> Entry | None:
    """Return the entry on one line; None for a line that is cut or holds something else."""
    try:
        return Entry.model_validate(json_of(line.strip().rstrip(",")))
    except ValueError:
        return None
