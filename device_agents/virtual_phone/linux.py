"""The system calls that make a container and that Python 3.11 does not offer."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

# <linux/sched.h>
NEW_TIME = 0x00000080
NEW_MOUNT = 0x00020000
NEW_UTS = 0x04000000
NEW_IPC = 0x08000000
NEW_PID = 0x20000000
NEW_NET = 0x40000000

# <sys/mount.h>
READ_ONLY = 1
NO_SUID = 2
NO_DEV = 4
NO_EXEC = 8
NO_ACCESS_TIMES = 1024
REMOUNT = 32
NO_LINKS = 256  # MS_NOSYMFOLLOW, since Linux 5.10
BIND = 4096
RECURSIVE = 16384
PRIVATE = 1 << 18
DETACH = 2  # umount2's MNT_DETACH

# <linux/prctl.h>, <linux/capability.h>
_SET_DEATH_SIGNAL = 1
_DROP_BOUNDING = 24
_SET_SECCOMP = 22
_FILTER = 2
_NO_NEW_PRIVILEGES = 38
CAP_SYS_BOOT = 22

# <linux/sockios.h>, <linux/if.h>
_SET_INTERFACE_FLAGS = 0x8914
_INTERFACE_UP = 0x1

# <linux/loop.h>: struct loop_config holds the file, the block size, a loop_info64 (flags at 52) and 64 spare bytes
_LOOP_FREE = 0x4C82
_LOOP_CONFIGURE = 0x4C0A
_LOOP_CONFIG = struct.Struct("=II52xI176x64x")
_AUTO_CLEAR, _DIRECT = 4, 16

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Leave the namespaces in `flags`: children (PID, time) or this process (the others) get new ones."""
    _check(_libc.unshare(flags), "unshare")


def enter(namespace: int, kind: int) -> None:
    """Move this thread into the namespace that the file descriptor refers to (setns(2))."""
    _check(_libc.setns(namespace, kind), "setns")


def mount(source: str, target: Path | str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system (mount(2)); raises `OSError` that names the target."""
    arguments = [text.encode() if text else None for text in (source, str(target), kind)]
    result = _libc.mount(*arguments, ctypes.c_ulong(flags), options.encode() if options else None)
    _check(result, f"mount {kind or source} on {target}")


def unmount(target: Path) -> None:
    """Unmount `target`, now or when the last file in it is closed."""
    _check(_libc.umount2(str(target).encode(), DETACH), f"umount of {target}")


def bind(source: Path | str, target: Path | str, flags: int = 0) -> None:
    """Show a file or folder at another place; `flags` (read only, …) apply only to that place."""
    mount(str(source), target, flags=BIND)
    if flags:
        mount("", target, flags=BIND | REMOUNT | flags)


def follow_no_link_below(folder: Path) -> None:
    """Make this process, in its own mount namespace, fail with ELOOP at every symbolic link below `folder`.

    For a folder that somebody less trusted may write: a check before each access would be less safe. Call it
    before starting threads. Raises `OSError` when the kernel cannot do it.
    """
    unshare(NEW_MOUNT)
    mount("", "/", flags=RECURSIVE | PRIVATE)
    bind(folder, folder, NO_LINKS)
    probe = folder / f".link-{os.getpid()}"
    probe.symlink_to(".")
    try:
        os.close(os.open(probe, os.O_RDONLY))
    except OSError as error:
        if error.errno == errno.ELOOP:
            return
        raise
    finally:
        probe.unlink()
    raise OSError(errno.EOPNOTSUPP, f"mount of {folder}: links are followed, this kernel is older than 5.10")


def change_root(root: Path) -> None:
    """Make the mount point `root` the root of this mount namespace, and detach the old one (pivot_root(2))."""
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), f"pivot_root to {root}")
    _check(_libc.umount2(b".", DETACH), "umount of the old root")
    os.chdir("/")


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process when its parent ends, for whatever reason."""
    _check(_libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0), "prctl")
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)


def drop_capability(capability: int) -> None:
    """Remove a capability from everything that this process will execute."""
    _check(_libc.prctl(_DROP_BOUNDING, capability, 0, 0, 0), f"prctl: dropping capability {capability}")


@contextlib.contextmanager
def loop_device(image: Path) -> Iterator[str]:
    """Make a disk of a file; the kernel removes it once nobody has it open or mounted.

    It uses direct writes. Through the page cache data are cached twice, and pushing 1 GB after another took
    2 to 4 times as long as into a plain folder; with direct writes it takes as long (measured here).
    """
    while True:
        with open("/dev/loop-control", "rb") as control:  # noqa: PTH123 - a device, not a file
            name = f"/dev/loop{fcntl.ioctl(control, _LOOP_FREE)}"
        disk, file = os.open(name, os.O_RDWR), os.open(image, os.O_RDWR)
        try:
            fcntl.ioctl(disk, _LOOP_CONFIGURE, _LOOP_CONFIG.pack(file, 0, _AUTO_CLEAR | _DIRECT))
            yield name
        except OSError as error:
            if error.errno != errno.EBUSY:  # somebody else took it: try the next
                raise
            continue
        finally:
            os.close(file)
            os.close(disk)
        return


def clocks_from_zero() -> None:
    """Make the boot and monotonic clocks of this process's children start at zero (time_namespaces(7))."""
    offsets = []
    for name, clock in (("boottime", time.CLOCK_BOOTTIME), ("monotonic", time.CLOCK_MONOTONIC)):
        seconds, nanoseconds = divmod(-time.clock_gettime_ns(clock), 1_000_000_000)
        offsets.append(f"{name} {seconds} {nanoseconds}\n")
    Path("/proc/self/timens_offsets").write_text("".join(offsets), encoding="ascii")


def refuse_vsock() -> None:
    """Forbid this process and its children to open a socket of the family AF_VSOCK (seccomp(2)).

    Debian's adbd listens on vsock as well as on TCP, and network namespaces do not contain vsock: without this
    filter a hypervisor could reach the phones of its guest. Every other system call costs a few instructions more.
    """
    number = {"x86_64": 41, "aarch64": 198}[os.uname().machine]  # socket(2) in <asm/unistd.h>
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    refused = 0x00050000 | errno.EAFNOSUPPORT  # SECCOMP_RET_ERRNO
    program = [  # code, jump if true, if false, constant; the number lies at 0, argument 0 at 16
        (load, 0, 0, 0),
        (equal, 0, 3, number),
        (load, 0, 0, 16),
        (equal, 0, 1, socket.AF_VSOCK),
        (give, 0, 0, refused),
        (give, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
    ]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filters = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(text)))
    _check(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")
    _check(_libc.prctl(_SET_SECCOMP, _FILTER, filters, 0, 0), "prctl: seccomp")


def loopback_up() -> None:
    """Bring up `lo` in this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SET_INTERFACE_FLAGS, struct.pack("16sH14x", b"lo", _INTERFACE_UP))


def start_time(pid: int) -> int | None:
    """Return field 22 of /proc/PID/stat, which with the pid identifies one process; None if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def in_namespace_of(pid: int) -> list[int]:
    """Return every process in the PID namespace of the process, itself first, as pids of this machine."""
    wanted = Path(f"/proc/{pid}/ns/pid").readlink()
    found = [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != pid:
            try:
                if (entry / "ns/pid").readlink() == wanted:
                    found.append(int(entry.name))
            except OSError:
                continue  # it ended, or we may not see it
    return found
