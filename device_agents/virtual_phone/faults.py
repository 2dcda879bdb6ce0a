"""The faults that a command can inject into a virtual phone."""

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

FILL = "data/.pocketlab-fill"  # in the phone's root; a real file, whose blocks take no disk space on this machine


def do(supervisor: Supervisor, word: str, argument: str) -> str:
    """Inject one fault and return what was done, in words; raises `FarmError` when unknown or impossible."""
    known = FAULTS.get(word)
    if known is None:
        raise FarmError(f"no fault {word!r}; there are: {', '.join(sorted(FAULTS))}")
    return known(supervisor, argument)


def _pid(supervisor: Supervisor) -> int:
    if supervisor.pid is None:
        raise FarmError(f"{supervisor.phone.name} is {supervisor.state}: try again when it is up")
    return supervisor.pid


def inside(supervisor: Supervisor, path: str) -> Path:
    """Return a path of the phone as this machine sees it; refuse links, which could lead out of the phone."""
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
        raise FarmError(f"wanted a number of bytes (such as 4096, 64M or 1G), found {argument!r}") from None


def unplug(supervisor: Supervisor, argument: str) -> str:
    """Unplug the cable: end all connections and refuse new ones."""
    supervisor.wire.set("unplugged")
    return "unplugged"


def replug(supervisor: Supervisor, argument: str) -> str:
    """Plug the cable in again; also end `unauthorized`, `offline` and a stall."""
    supervisor.wire.flow()
    supervisor.wire.set("up")
    return "plugged in"


def unauthorized(supervisor: Supervisor, argument: str) -> str:
    """Ask every client for a key and accept none."""
    supervisor.wire.set("unauthorized")
    return "asks for a key and accepts none"


def offline(supervisor: Supervisor, argument: str) -> str:
    """Accept connections and never answer."""
    supervisor.wire.set("offline")
    return "accepts connections and never answers"


def stall(supervisor: Supervisor, argument: str) -> str:
    """Let no byte pass for N seconds; connections stay open."""
    seconds = _seconds(argument)
    supervisor.wire.stall(seconds)
    return f"no byte passes for {seconds:g} s"


def reboot(supervisor: Supervisor, argument: str) -> str:
    """Restart the phone."""
    _pid(supervisor)
    supervisor.state = "rebooting"  # at once: the next `status` must not say `up`
    supervisor.end_phone()
    return "reboots"


def hang(supervisor: Supervisor, argument: str) -> str:
    """Stop every process in the phone; its kernel still accepts connections, as a hung phone's does."""
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
    """Signal every process of the phone, including those that start meanwhile."""
    done: set[int] = set()
    while new := set(linux.in_namespace_of(pid)) - done:
        for one in new:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, number)
        done |= new


def kill_adbd(supervisor: Supervisor, argument: str) -> str:
    """Kill adbd; the phone's init restarts it after a second."""
    for pid in linux.in_namespace_of(_pid(supervisor)):
        with contextlib.suppress(OSError):
            # The daemon is a child of the phone's init. The shells that it forks have its name for a moment, too.
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            if "(adbd)" in text and int(text.rpartition(")")[2].split()[1]) == supervisor.pid:
                os.kill(pid, signal.SIGKILL)
    return "adbd is dead and restarts in a second"


def fill_disk(supervisor: Supervisor, argument: str) -> str:
    """Fill /data until BYTES (default 0) are free."""
    leave = _bytes(argument) if argument else 0
    path = inside(supervisor, f"/{FILL}")
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        size = 0
        for _ in range(64):  # the metadata of a big file takes an unknown number of blocks: approach in steps
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
    return f"{space.f_bavail * space.f_frsize} bytes are free in /data"


def free_disk(supervisor: Supervisor, argument: str) -> str:
    """End `fill-disk`."""
    inside(supervisor, f"/{FILL}").unlink(missing_ok=True)
    return "/data has free space again"


def flip_bit(supervisor: Supervisor, argument: str) -> str:
    """Flip one bit in the middle of a file; keep its size, times and inode."""
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
    """Become another phone at the same address, at once: another serial, fingerprint and boot id."""
    supervisor.serial = argument or f"{supervisor.phone.name}-other"
    write_identity(supervisor.phone, supervisor.serial)
    supervisor.sensors.read_identity()
    supervisor.phone.boot_id.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    supervisor.wire.cut()
    return f"is now {supervisor.serial}"


def memory_limit(supervisor: Supervisor, argument: str) -> str:
    """Limit the phone's memory to BYTES; without an argument remove the limit."""
    limit = _bytes(argument) if argument else None
    cgroup.set_memory_limit(supervisor.phone.group, limit)
    return f"memory is limited to {limit} bytes" if limit else "memory is not limited"


def warm(supervisor: Supervisor, argument: str) -> str:
    """Set all of the phone to CELSIUS; from there it cools, or warms with its work."""
    try:
        celsius = float(argument)
    except ValueError:
        raise FarmError(f"wanted degrees Celsius, found {argument!r}") from None
    with supervisor.world:
        supervisor.sensors.heat = heat.at(celsius)
    supervisor.tick(seconds=0, cpu_ns=0)
    return f"{celsius:g} degC"


def sensor(supervisor: Supervisor, argument: str) -> str:
    """Set a sensor or tool NAME to a MODE (knobs.py lists them)."""
    name, _, mode = argument.partition(" ")
    knobs.misbehave(supervisor.phone.state_root, name, mode.strip())
    return f"{name}: {mode.strip()}"


def restore(supervisor: Supervisor, argument: str) -> str:
    """Undo every fault; wait for a phone that is booting."""
    began = time.monotonic()
    if supervisor.state == "hanging":  # not while it reboots: the known pid may have ended
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
    with contextlib.suppress(FarmError):  # a machine without control groups set no limit
        cgroup.set_memory_limit(supervisor.phone.group, None)
    return "all faults are undone"


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
