"""The identity of a data root, which says whose rows are whose in a shared index.

A root keeps its identity when it is moved on its host, also to another disk, and when several hosts see the
same folder (a network file system, a container's volume). A copy gets an identity of its own, because its
original may still be in use.
"""

from __future__ import annotations

import logging
import socket
import uuid
from pathlib import Path

from lab.errors import StoreError
from lab.files import write_atomically
from lab.store.raw import RootFile, encode, read

log = logging.getLogger(__name__)

FILE = "root.json"


def identify(root: Path) -> RootFile:
    """Return the identity of the data root `root`. Draw one for a new root and for a copy, and save it.

    Call it under the index's lock. Raises `OSError` when it cannot be written, and `StoreError` when its file
    is damaged.
    """
    path = root / FILE
    host, place, inode = socket.gethostname(), str(root.resolve()), (root / "runs").stat().st_ino
    known = read(RootFile, path) if path.exists() else None
    if known is not None and _is_copy(known, root, host, inode):
        log.info(
            "%s is a copy of the data root %s on %s, or was moved here from another machine: it is a data root of "
            "its own from now on",
            *(root, known.path, known.host),
        )
        known = None
    found = RootFile(id=known.id if known else str(uuid.uuid4()), host=host, path=place, inode=inode)
    if found != known:
        write_atomically(path, encode(found))
    return found


def _is_copy(known: RootFile, root: Path, host: str, inode: int) -> bool:
    """Tell whether `root` is a copy of the root that saved `known`.

    On the same host we look whether the original is still in its place. On another host we cannot. There the
    inode of a folder inside the root decides: it is the same when both hosts see one folder, another in a copy.
    """
    if known.host != host:
        return known.inode != inode
    original = Path(known.path)
    try:
        return read(RootFile, original / FILE).id == known.id and not original.samefile(root)
    except (StoreError, OSError):
        return False
