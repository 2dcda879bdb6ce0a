"""CPU and memory limits of one phone, through whichever control groups (v1 or v2) this machine has."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from device_agents.virtual_phone.errors import FarmError

PERIOD_US = 100_000  # the kernel's own default period of a CPU quota
_V1 = ("cpu", "cpuacct", "memory")


def folders(name: str, mounts: str | None = None) -> dict[str, Path]:
    """Where a group of this name lies for each of cpu, cpuacct and memory; those not to be had are missing.

    `mounts`: the text of /proc/self/mountinfo (proc(5)): mount point is field 5, after " - " come the type, the
    source and the options, which for v1 name the controllers.
    """
    text = mounts if mounts is not None else Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    found: dict[str, Path] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        where = Path(before.split()[4])
        if kind == "cgroup":
            found |= {one: where / name for one in _V1 if one in options.split(",")}
        elif kind == "cgroup2" and "cpu" in _words(where / "cgroup.controllers"):
            found |= dict.fromkeys(_V1, where / name)
    return found


def create(name: str) -> list[Path]:
    """Make the group; gives the files into which a process writes its pid to join."""
    places = folders(name)
    for folder in dict.fromkeys(places.values()):
        if _is_v2(folder.parent):
            with contextlib.suppress(OSError):  # already on, or not ours to switch: what follows tells
                (folder.parent / "cgroup.subtree_control").write_text("+cpu +memory", encoding="ascii")
        folder.mkdir(exist_ok=True)
    return [folder / "cgroup.procs" for folder in dict.fromkeys(places.values())]


def remove(name: str) -> None:
    """Remove the group; its processes must have ended."""
    for folder in dict.fromkeys(folders(name).values()):
        for attempt in range(50):
            try:
                folder.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                if attempt == 49:
                    raise FarmError(
                        f"wanted to remove the control group {folder}, and it still has processes"
                    ) from None
                time.sleep(0.02)
            else:
                break


def processes(name: str) -> list[int]:
    """Pids of everything in the group, none when there is no group."""
    found: set[int] = set()
    for folder in folders(name).values():
        found |= {int(word) for word in _words(folder / "cgroup.procs")}
    return sorted(found)


def cpu_usage_ns(name: str) -> int:
    """CPU time that the group has used since it was made, in nanoseconds."""
    folder = _need(name, "cpuacct")
    if _is_v2(folder):
        usage = dict(line.split() for line in (folder / "cpu.stat").read_text(encoding="ascii").splitlines())
        return int(usage["usage_usec"]) * 1000
    return int((folder / "cpuacct.usage").read_text(encoding="ascii"))


def set_cpu_quota(name: str, fraction_of_machine: float | None) -> None:
    """Let the group use at most this share of all the machine's cores (0 to 1); None: as much as it likes."""
    folder = _need(name, "cpu")
    quota = None
    if fraction_of_machine is not None:
        cores = os.cpu_count() or 1
        quota = max(1000, round(fraction_of_machine * cores * PERIOD_US))  # the kernel takes 1 ms at least
    if _is_v2(folder):
        _write(folder / "cpu.max", f"{quota or 'max'} {PERIOD_US}")
    else:
        _write(folder / "cpu.cfs_period_us", str(PERIOD_US))
        _write(folder / "cpu.cfs_quota_us", str(quota or -1))


def set_memory_limit(name: str, limit_bytes: int | None) -> None:
    """Let the group hold at most this much memory (beyond it the kernel kills in it); None: no limit."""
    folder = _need(name, "memory")
    if _is_v2(folder):
        _write(folder / "memory.max", str(limit_bytes or "max"))
    else:
        _write(folder / "memory.limit_in_bytes", str(limit_bytes or -1))


def _is_v2(folder: Path) -> bool:
    return (folder / "cgroup.controllers").exists()


def _need(name: str, controller: str) -> Path:
    folder = folders(name).get(controller)
    if folder is None or not folder.is_dir():
        raise FarmError(
            f"wanted the control group {name} with the controller {controller}, and this machine gives none: "
            "phones run here, but can be neither throttled nor limited"
        )
    return folder


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise FarmError(f"the kernel refused {text!r} for {path}: {error.strerror}") from error


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
