"""What can go wrong with a phone, done to a virtual one by command."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from device_agents.virtual_phone import cgroup, heat, knobs, linux
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.phone import write_identity
from device_agents.virtual_phone.supervisor import Supervisor

FILL = "data/.pocketlab-fill"  # in the phone's root; a real file, without blocks that would need disk space here


def do(supervisor: Supervisor, word: str, argument: str) -> str:
    """Do one fault; gives a sentence of what was done. FarmError: no such fault, or it cannot be done."""
    known = FAULTS.get(word)
    if known is None:
        raise FarmError(f"no fault {word!r}; there are: {', '.join(sorted(FAULTS))}")
    return known(supervisor, argument)


def _pid(supervisor: Supervisor) -> int:
    if supervisor.pid is None:
        raise FarmError(f"{supervisor.phone.name} is {supervisor.state}: try again when it is up")
    return supervisor.pid


def inside(supervisor: Supervisor, path: str) -> Path:
    """Give a path of the phone as this machine sees it; no link is followed out of the phone."""
    root = Path(f"/proc/{_pid(supervisor)}/root")
    if not path.startswith("/"):
        raise FarmError(f"wanted an absolute path in the phone, found {path!r}")
    found = root
    for part in Path(path).parts[1:]:
        found /= part
        if part == ".." or found.is_symlink():
            raise FarmError(f"wanted a path without links or '..', found {path!r}: name the file itself")
    return found


def _seconds(argument: str) -> float:
    try:
        return float(argument)
    except ValueError:
        raise FarmError(f"wanted a number of seconds, found {argument!r}") from None


def _bytes(argument: str) -> int:
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    text = argument.strip().lower()
    try:
        return int(text[:-1]) * units[text[-1]] if text and text[-1] in units else int(text)
    except ValueError:
        raise FarmError(f"wanted a number of bytes (64M, 1G and the like are fine), found {argument!r}") from None


def unplug(supervisor: Supervisor, argument: str) -> str:
    """Pull the cable: connections end, new ones are refused."""
    supervisor.wire.set("unplugged")
    return "unplugged"


def replug(supervisor: Supervisor, argument: str) -> str:
    """Put the cable back, and end `unauthorized`, `offline` and a stall."""
    supervisor.wire.flow()
    supervisor.wire.set("up")
    return "plugged in"


def unauthorized(supervisor: Supervisor, argument: str) -> str:
    """Ask for a key and accept none."""
    supervisor.wire.set("unauthorized")
    return "asks for a key, and takes none"


def offline(supervisor: Supervisor, argument: str) -> str:
    """Take connections and never answer."""
    supervisor.wire.set("offline")
    return "takes connections, answers none"


def stall(supervisor: Supervisor, argument: str) -> str:
    """Stop all bytes for N seconds; connections stay."""
    seconds = _seconds(argument)
    supervisor.wire.stall(seconds)
    return f"no byte passes for {seconds:g} s"


def reboot(supervisor: Supervisor, argument: str) -> str:
    """Restart the phone."""
    _pid(supervisor)
    supervisor.state = "rebooting"  # at once: whoever asks next is not told that it is up
    supervisor.end_phone()
    return "reboots"


def hang(supervisor: Supervisor, argument: str) -> str:
    """Stop every process in the phone; its kernel still takes connections, as a hung phone's does."""
    _signal_all(_pid(supervisor), signal.SIGSTOP)
    supervisor.state = "hanging"
    return "hangs"


def resume(supervisor: Supervisor, argument: str) -> str:
    """End `hang`."""
    _signal_all(_pid(supervisor), signal.SIGCONT)
    if supervisor.state == "hanging":
        supervisor.state = "up"
    return "goes on"


def _signal_all(pid: int, number: int) -> None:
    """Signal every process of the phone, and those they start meanwhile."""
    done: set[int] = set()
    while new := set(linux.in_namespace_of(pid)) - done:
        for one in new:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, number)
        done |= new


def kill_adbd(supervisor: Supervisor, argument: str) -> str:
    """Kill adbd; the phone's init starts it again after a second."""
    for pid in linux.in_namespace_of(_pid(supervisor)):
        with contextlib.suppress(OSError):
            # The daemon is a child of the phone's init; the shells it forks carry its name for a moment only.
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            if "(adbd)" in text and int(text.rpartition(")")[2].split()[1]) == supervisor.pid:
                os.kill(pid, signal.SIGKILL)
    return "adbd is dead, for a second"


def fill_disk(supervisor: Supervisor, argument: str) -> str:
    """Fill /data until BYTES (default 0) are left."""
    leave = _bytes(argument) if argument else 0
    path = inside(supervisor, f"/{FILL}")
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        size = 0
        for _ in range(64):  # what a big file needs beside its bytes is not known beforehand: come closer
            space = os.statvfs(path.parent)
            free = space.f_bavail * space.f_frsize
            if free <= leave:
                break
            try:
                os.posix_fallocate(file.fileno(), size, free - leave)
                size += free - leave
            except OSError:
                free //= 2
                with contextlib.suppress(OSError):
                    os.posix_fallocate(file.fileno(), size, max(free - leave, 4096))
                size = os.fstat(file.fileno()).st_size
    space = os.statvfs(path.parent)
    return f"{space.f_bavail * space.f_frsize} bytes are left in /data"


def free_disk(supervisor: Supervisor, argument: str) -> str:
    """End `fill-disk`."""
    inside(supervisor, f"/{FILL}").unlink(missing_ok=True)
    return "room in /data again"


def flip_bit(supervisor: Supervisor, argument: str) -> str:
    """Change one bit in the middle of a file; its size, times and inode stay."""
    path = inside(supervisor, argument)
    if not path.is_file() or path.stat().st_size == 0:
        raise FarmError(f"wanted a file with at least one byte, found none at {argument} in the phone")
    before = path.stat()
    where = before.st_size // 2
    with path.open("r+b") as file:
        file.seek(where)
        byte = file.read(1)[0]
        file.seek(where)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"byte {where} of {argument} is {byte ^ 1:#04x}, was {byte:#04x}"


def change_identity(supervisor: Supervisor, argument: str) -> str:
    """Be another phone behind the same address: other serial, fingerprint and boot id, at once."""
    supervisor.serial = argument or f"{supervisor.phone.name}-other"
    write_identity(supervisor.phone, supervisor.serial)
    supervisor.sensors.read_identity()
    supervisor.phone.boot_id.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    supervisor.wire.cut()
    return f"is {supervisor.serial} now"


def memory_limit(supervisor: Supervisor, argument: str) -> str:
    """Let the phone hold BYTES of memory; no argument: as much as it likes."""
    limit = _bytes(argument) if argument else None
    cgroup.set_memory_limit(supervisor.phone.group, limit)
    return f"{limit} bytes of memory" if limit else "no limit of memory"


def warm(supervisor: Supervisor, argument: str) -> str:
    """Make the phone CELSIUS warm all through; from there it cools or warms as it works."""
    try:
        celsius = float(argument)
    except ValueError:
        raise FarmError(f"wanted degrees Celsius, found {argument!r}") from None
    with supervisor.world:
        supervisor.sensors.heat = heat.at(celsius)
    supervisor.tick(seconds=0, cpu_ns=0)
    return f"{celsius:g} degC"


def sensor(supervisor: Supervisor, argument: str) -> str:
    """Make a sensor or tool NAME behave as MODE says (knobs.py has the list)."""
    name, _, mode = argument.partition(" ")
    knobs.misbehave(supervisor.phone.state_root, name, mode.strip())
    return f"{name}: {mode.strip()}"


def restore(supervisor: Supervisor, argument: str) -> str:
    """Undo every fault; a phone that is away is waited for."""
    began = time.monotonic()
    if supervisor.state == "hanging":  # not while it reboots: a pid that is still known may be gone already
        resume(supervisor, "")
    while supervisor.state in ("booting", "rebooting") and time.monotonic() - began < 20:
        time.sleep(0.02)
    if supervisor.serial != supervisor.phone.name:
        change_identity(supervisor, supervisor.phone.name)
    supervisor.wire.flow()
    if supervisor.wire.state != "up":
        supervisor.wire.set("up")
    free_disk(supervisor, "")
    shutil.rmtree(supervisor.phone.state_root / "sensor", ignore_errors=True)
    warm(supervisor, str(heat.IDLE.body_celsius))
    with contextlib.suppress(FarmError):  # a machine without control groups has set none
        cgroup.set_memory_limit(supervisor.phone.group, None)
    return "as it was"


FAULTS: dict[str, Callable[[Supervisor, str], str]] = {
    "unplug": unplug,
    "replug": replug,
    "unauthorized": unauthorized,
    "offline": offline,
    "stall": stall,
    "reboot": reboot,
    "hang": hang,
    "resume": resume,
    "kill-adbd": kill_adbd,
    "fill-disk": fill_disk,
    "free-disk": free_disk,
    "flip-bit": flip_bit,
    "change-identity": change_identity,
    "memory-limit": memory_limit,
    "heat": warm,
    "sensor": sensor,
    "restore": restore,
}
