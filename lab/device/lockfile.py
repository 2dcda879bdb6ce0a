"""The file that all labs of a machine lock: its place, and how it is opened where every user may write."""

from __future__ import annotations

import os
import shlex
import stat
import time
from contextlib import suppress
from pathlib import Path

from lab.errors import RunError

NAME = "pocketlab-measuring.lock"

PLACES = (Path("/run/lock"), Path("/dev/shm"), Path("/tmp"))
"""Where the file may lie. /run/lock (FHS 3.0: /var/lock) is open to all on Debian, but not on Fedora. systemd
gives a service with PrivateTmp=yes a /tmp of its own (systemd.exec(5)), but no other /run/lock or /dev/shm."""

OPEN_TO_ALL = 0o1777
"""The mode of such a place: every user may make a file there, and only its owner can remove it."""

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def machine_lock() -> Path:
    """Return the lock file of this machine: the same one for every user, whatever the environment says.

    It lies in the first of :data:`PLACES` that is open to all: root must not choose one that others cannot use.
    """
    for place in PLACES:
        with suppress(OSError):
            if place.stat().st_mode & OPEN_TO_ALL == OPEN_TO_ALL:
                return place / NAME
    return PLACES[-1] / NAME


def opened(path: Path) -> int:
    """Open the lock file to read and write, and make it for all users if it is missing; raises `RunError`.

    It is first opened without O_CREAT: with it, Linux refuses another user's file in a folder open to all
    (fs.protected_regular, proc_sys_fs(5)). A link and a file with a second name are refused: writing to one could
    change a file that somebody else chose.
    """
    for _ in range(3):  # somebody else may make it or give it its mode meanwhile
        try:
            return _plain(os.open(path, _FLAGS), path)
        except FileNotFoundError:
            pass
        except PermissionError:
            time.sleep(0.02)
            continue
        except OSError as error:
            raise _refusal(path, error) from error
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        except OSError as error:
            raise _refusal(path, error) from error
        os.fchmod(descriptor, 0o666)  # whatever the umask: whoever comes second must count its turn there too
        return descriptor
    raise _refusal(path, PermissionError("permission denied"))


def own_note(path: Path) -> int | None:
    """Open this user's own file beside the lock, which nobody else can write; None if that is not possible."""
    own = path.with_name(f"{path.name}.{os.geteuid()}")
    try:
        descriptor = os.open(own, _FLAGS | os.O_CREAT, 0o600)
    except OSError:
        return None
    if only_ours(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def only_ours(descriptor: int) -> bool:
    """Return True for a plain file that only this user could have written."""
    found = os.fstat(descriptor)
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    return plain and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def still_there(descriptor: int, path: Path) -> bool:
    """Return True if the open file is still the one at `path`: somebody may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


def _plain(descriptor: int, path: Path) -> int:
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise RunError(
        f"cannot open the measuring lock {path} (wanted a plain file with one name, found "
        f"{found.st_nlink} names, mode {stat.filemode(found.st_mode)}); remove it, or ask its owner to"
    )


def _refusal(path: Path, error: OSError) -> RunError:
    return RunError(
        f"cannot open the measuring lock {path} ({error.strerror or error}). All labs of a machine share it, so "
        "another file would let two of them measure at once. Make this one usable: as its owner or root "
        f"`chmod 666 {shlex.quote(str(path))}`, in a service `ReadWritePaths={path.parent}`; remove it if it is "
        "a link"
    )
