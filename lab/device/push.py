"""Push packages to a device: send only what it lacks, and use only what was hashed there.

Every file is a blob on the device, named by its SHA-256, so that builds share their common files; a package is a
folder of links to blobs. The first push under a lease hashes every blob that it needs on the device; later ones
compare size, time and inode with the ledger, which records what was hashed. After a push that broke off, after a
reboot and under a new lease everything is hashed again. docs/adr/0008 has the measurements behind this.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol, TypeVar, get_args, runtime_checkable

from device_agents.contract import File
from lab.device import blobs
from lab.device.blobs import Entry, Folder, Found
from lab.device.transport import Device
from lab.errors import BuildError, DeviceFull, DeviceRefused

log = logging.getLogger(__name__)

_T = TypeVar("_T")

Kind = Literal["builds", "inputs", "agents"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Progress = Callable[[int, int], None]
"""Called with (bytes sent so far, bytes to send)."""

BIG = 32 * 2**20
"""From this size on a file is sent by itself, so that a broken transfer can resume inside it. Smaller ones go in
one conversation, where a break loses the file in transit. A judgement: at most a second of USB 2."""

TOGETHER = 300
"""How many small files go in one conversation: one script on the device holds all their names."""


@dataclass(frozen=True)
class Package:
    """Files to make present on the device as ``kind/id``; they lie below `folder` on this machine."""

    kind: Kind
    id: str
    folder: Path
    files: tuple[File, ...]


@dataclass(frozen=True)
class Pushed:
    """The outcome of a push. `kept_bytes` were there already; `damaged` blobs did not match their names."""

    sent_bytes: int
    sent_files: int
    kept_bytes: int
    verified: Literal["full", "quick"]
    evicted: int
    damaged: int = 0


@runtime_checkable
class SendsMany(Protocol):
    """A transport that can send many files without waiting for an answer to each."""

    def upload_many(
        self, files: Sequence[tuple[Path, str]], *, progress: Callable[[int], None] = lambda sent: None
    ) -> None:
        """Send whole files to new targets, in this order; do not verify what arrives."""
        ...


def place(device: Device, package: Package) -> str:
    """Return the folder on the device that a package has after a push."""
    return f"{device.scratch}/{package.kind}/{package.id}"


def push(
    packages: Sequence[Package],
    device: Device,
    *,
    fence: int,
    progress: Progress = lambda sent, total: None,
    full: bool = False,
) -> Pushed:
    """Make the packages present on the device, whole and proven; return what that took.

    `fence` is the number of the lease that we hold. `full` hashes everything again, whatever the ledger says.
    After a `DeviceLost`, the next push does not send again what arrived. Raises `DeviceFull` before anything is
    sent when there is no room, `DeviceRefused`, and `BuildError` when a file here is not what its package says.
    """
    with _one_at_a_time(device):
        return _Push(packages, device, fence, progress).carry_out(full)


_turns: dict[str, threading.Lock] = {}
_turns_lock = threading.Lock()


def _one_at_a_time(device: Device) -> threading.Lock:
    """Return the lock of a device: several threads of one lab may hold the same lease."""
    with _turns_lock:
        return _turns.setdefault(f"{device.identity.name} {device.scratch}", threading.Lock())


@dataclass(frozen=True)
class _Source:
    """The file on this machine that a wanted blob is a copy of."""

    path: Path
    size: int


class _Push:
    """One push: the blobs that it wants, and its progress."""

    def __init__(self, packages: Sequence[Package], device: Device, fence: int, progress: Progress) -> None:
        self.device, self.fence, self._progress = device, fence, progress
        self.folders = [_folder(package) for package in packages]
        self.wanted = {
            file.sha256: _Source(package.folder / file.path, file.bytes)
            for package in packages
            for file in package.files
        }
        self.sent, self.total = 0, 0

    def carry_out(self, full: bool) -> Pushed:
        found = blobs.survey(self.device, self.fence)
        quick = set() if full or found.unfinished else self._as_proven(found)
        hashed = self._proven({sha for sha in self.wanted if sha in found.blobs} - quick, found)
        damaged = {sha for sha in self.wanted if sha in found.blobs} - quick - hashed
        for sha in damaged:
            log.warning(
                "%s: %s is damaged there, and is sent again", self.device.identity.name, self.wanted[sha].path
            )
        missing = {sha: source for sha, source in self.wanted.items() if sha not in quick | hashed}
        evicted = self._send_all(missing, damaged, found) if missing or found.unfinished or found.parts else []
        blobs.folders(self.device, self.fence, self.folders)
        if missing or hashed or found.unfinished or any(found.uses.get(sha) != self.fence for sha in self.wanted):
            self._write_down(found, quick, gone=damaged | set(evicted), changed=bool(missing))
            if missing or found.unfinished:
                blobs.finish(self.device, self.fence)
        return Pushed(
            sent_bytes=self.sent,
            sent_files=len(missing),
            kept_bytes=sum(self.wanted[sha].size for sha in quick | hashed),
            verified="quick" if quick and not hashed and not missing else "full",
            evicted=len(evicted),
            damaged=len(damaged),
        )

    # --- what is there and good ------------------------------------------------------------------------

    def _as_proven(self, found: Found) -> set[str]:
        """Return the wanted blobs that have not changed since they were hashed under this same lease."""
        return {
            sha
            for sha in self.wanted
            if sha in found.ledger
            and found.ledger[sha].verified == self.fence
            and found.ledger[sha].stat == found.blobs.get(sha)
        }

    def _proven(self, names: set[str], found: Found) -> set[str]:
        """Hash blobs on the device; return those that match their names."""
        sizes = {sha: found.blobs[sha].size for sha in names if found.blobs[sha].size == self.wanted[sha].size}
        good: set[str] = set()
        for some in _groups(sizes, TOGETHER):
            digests = blobs.digests(self.device, self.fence, "blobs", some)
            good |= {sha for sha, digest in digests.items() if sha == digest}
        return good

    # --- what is sent ----------------------------------------------------------------------------------

    def _send_all(self, missing: Mapping[str, _Source], damaged: set[str], found: Found) -> list[str]:
        """Send and verify what is missing; return the blobs that were evicted to make room."""
        for source in missing.values():
            self._whole(source)
        begun = self._begun(missing, found)
        evicted = self._room(missing, begun, damaged, found)
        stale = set(found.parts) - set(begun)
        blobs.prepare(self.device, self.fence, damaged=damaged, evicted=evicted, parts=stale)
        self.total = sum(source.size for source in missing.values()) - sum(begun.values())
        self._progress(0, self.total)
        blobs.land(self.device, self.fence, [sha for sha, there in begun.items() if there == missing[sha].size])
        rest = {sha: s for sha, s in missing.items() if begun.get(sha) != s.size}
        together = {sha: s for sha, s in rest.items() if s.size < BIG and sha not in begun}
        many = isinstance(self.device.transport, SendsMany)
        failed: dict[str, _Source] = {}
        for some in _groups(together if many else {}, TOGETHER):
            failed |= self._send_together(some)
        for sha, source in rest.items():
            if not many or sha not in together:
                failed |= self._send_one(sha, source, begun.get(sha, 0))
        self._once_more(failed)
        return evicted

    def _begun(self, missing: Mapping[str, _Source], found: Found) -> dict[str, int]:
        """Return how many bytes of each missing blob are there already, if they hash like our own first bytes."""
        parts = {
            sha: stat.size
            for sha, stat in found.parts.items()
            if sha in missing and 0 < stat.size <= missing[sha].size
        }
        digests = blobs.digests(self.device, self.fence, "parts", parts)
        return {sha: size for sha, size in parts.items() if digests.get(sha) == _prefix(missing[sha].path, size)}

    def _send_together(self, some: Mapping[str, _Source]) -> Mapping[str, _Source]:
        """Send files in one conversation, then hash them on the device; return those that arrived damaged."""
        transport, before = self.device.transport, self.sent
        if not isinstance(transport, SendsMany):
            return some
        files = [(source.path, f"{self.device.scratch}/parts/{sha}") for sha, source in some.items()]
        transport.upload_many(files, progress=lambda sent: self._told(before + sent))
        sizes = {sha: source.size for sha, source in some.items()}
        return self._landed(some, blobs.digests(self.device, self.fence, "parts", sizes))

    def _send_one(self, sha: str, source: _Source, offset: int) -> Mapping[str, _Source]:
        """Send the rest of a file; return it if it arrived damaged."""
        before = self.sent
        digest = self.device.transport.upload(
            source.path,
            f"{self.device.scratch}/parts/{sha}",
            offset=offset,
            progress=lambda sent: self._told(before + sent),
        )
        self._told(before + source.size - offset)
        return self._landed({sha: source}, {sha: digest})

    def _landed(self, some: Mapping[str, _Source], digests: Mapping[str, str]) -> Mapping[str, _Source]:
        """Move what arrived whole to the blobs; return the rest."""
        blobs.land(self.device, self.fence, [sha for sha in some if digests.get(sha) == sha])
        return {sha: source for sha, source in some.items() if digests.get(sha) != sha}

    def _once_more(self, failed: Mapping[str, _Source]) -> None:
        """Send what arrived damaged a second time. Raises `BuildError`, or `DeviceRefused` if that fails too."""
        for sha, source in failed.items():
            self._whole(source)
            if (here := _prefix(source.path, source.size)) != sha:
                raise BuildError(
                    f"{source.path}: was changed while it was sent: wanted SHA-256 {sha}, found {here}"
                )
            log.warning("%s: %s arrived damaged, and is sent again", self.device.identity.name, source.path)
            self.total += source.size
            if self._send_one(sha, source, 0):
                raise DeviceRefused(
                    f"{self.device.identity.name}: {source.path} arrived damaged twice, though it is whole here. "
                    "Check the cable, then the device's storage"
                )

    def _whole(self, source: _Source) -> None:
        size = source.path.stat().st_size if source.path.is_file() else -1
        if size != source.size:
            found = "no file" if size < 0 else f"{size} bytes"
            raise BuildError(
                f"{source.path}: wanted {source.size} bytes, found {found}; "
                "`lab builds verify BUILD` lists what is damaged"
            )

    def _told(self, sent: int) -> None:
        self.sent = sent
        self._progress(sent, self.total)

    # --- room ------------------------------------------------------------------------------------------

    def _room(
        self, missing: Mapping[str, _Source], begun: Mapping[str, int], damaged: set[str], found: Found
    ) -> list[str]:
        """Return the blobs to evict, least recently used first. Raises `DeviceFull` when that is not enough."""
        need = sum(source.size for source in missing.values()) - sum(begun.values())
        stale = sum(stat.size for sha, stat in found.parts.items() if sha not in begun)
        free = found.free_bytes + stale + sum(found.blobs[sha].size for sha in damaged)
        reserve = self.device.reserve_bytes
        idle = [sha for sha in found.blobs if sha not in self.wanted and found.uses.get(sha) != self.fence]
        idle.sort(key=lambda sha: (found.uses.get(sha, 0), sha))
        could = sum(found.blobs[sha].size for sha in idle)
        if need + reserve > free + could:
            raise DeviceFull(
                f"{self.device.identity.name}: wanted {need:,} bytes to push and {reserve:,} left free, found "
                f"{free:,} free in {self.device.scratch} and {could:,} in old blobs that can go. Nothing was "
                f"sent; free {need + reserve - free - could:,} bytes on the device"
            )
        evicted: list[str] = []
        while need + reserve > free:
            evicted.append(idle[len(evicted)])
            free += found.blobs[evicted[-1]].size
        return evicted

    # --- the ledger ------------------------------------------------------------------------------------

    def _write_down(self, found: Found, quick: set[str], *, gone: set[str], changed: bool) -> None:
        """Write the ledger: all wanted blobs as proven now, and the others as they were known."""
        now = blobs.survey(self.device, self.fence) if changed else found
        entries = {sha: entry for sha, entry in found.ledger.items() if sha in now.blobs and sha not in gone}
        for sha, used in found.uses.items():  # of another boot: not proven any more, but its last use is known
            if sha in now.blobs and sha not in entries:
                entries[sha] = Entry(now.blobs[sha], 0, used)
        if found.unfinished:
            entries = {sha: replace(entry, verified=0) for sha, entry in entries.items()}
        for sha in self.wanted:
            entries[sha] = Entry(now.blobs[sha], self.fence, self.fence)
        blobs.write_ledger(self.device, now.boot, entries)


def _folder(package: Package) -> Folder:
    """Return a package as links. Raises `BuildError` for names that a device must not see."""
    if package.kind not in KINDS or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", package.id):
        raise BuildError(f"{package.kind}/{package.id!r}: wanted {'|'.join(KINDS)} and a plain id")
    links: dict[str, str] = {}
    for file in package.files:
        known = links.setdefault(blobs.checked(file.path), file.sha256)
        if not re.fullmatch(r"[0-9a-f]{64}", file.sha256) or known != file.sha256:
            raise BuildError(f"{package.folder}: lists {file.path!r} twice, or without a SHA-256; export it again")
    return Folder(f"{package.kind}/{package.id}", links)


def _groups(some: Mapping[str, _T], size: int) -> Sequence[Mapping[str, _T]]:
    items = iter(some.items())
    return list(iter(lambda: dict(islice(items, size)), {}))


def _prefix(path: Path, size: int) -> str:
    """Return the SHA-256 of a file's first `size` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (piece := file.read(min(size, 1 << 20))):
            digest.update(piece)
            size -= len(piece)
    return digest.hexdigest()
