"""CPU and memory limits of one phone, by the control groups that this machine has (v1 or v2)."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from device_agents.virtual_phone.errors import FarmError

PERIOD_US = 100_000  # the kernel's own default period of a CPU quota
_V1 = ("cpu", "cpuacct", "memory")


def folders(name: str, mounts: str | None = None) -> dict[str, Path]:
    """Return the folder of the group of this name for each of cpu, cpuacct and memory that this machine offers.

    `mounts` is the text of /proc/self/mountinfo (proc(5)): field 5 is the mount point; after " - " come the type,
    the source and the options, which for v1 name the controllers.
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
    """Make the group; return the files into which a process writes its pid to join."""
    places = folders(name)
    for folder in dict.fromkeys(places.values()):
        if _is_v2(folder.parent):
            with contextlib.suppress(OSError):  # already on, or not ours: if it matters, the next step fails
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
                        f"wanted to remove the control group {folder}, found processes in it: try again"
                    ) from None
                time.sleep(0.02)
            else:
                break


def processes(name: str) -> list[int]:
    """Return the pids of all processes in the group; none when there is no group."""
    found: set[int] = set()
    for folder in folders(name).values():
        found |= {int(word) for word in _words(folder / "cgroup.procs")}
    return sorted(found)


def cpu_usage_ns(name: str) -> int:
    """Return the CPU time that the group has used since it was made, in nanoseconds."""
    folder = _need(name, "cpuacct")
    if _is_v2(folder):
        usage = dict(line.split() for line in (folder / "cpu.stat").read_text(encoding="ascii").splitlines())
        return int(usage["usage_usec"]) * 1000
    return int((folder / "cpuacct.usage").read_text(encoding="ascii"))


def set_cpu_quota(name: str, fraction_of_machine: float | None) -> None:
    """Limit the group to this share of all the machine's cores (0 to 1); None removes the limit."""
    folder = _need(name, "cpu")
    quota = None
    if fraction_of_machine is not None:
        cores = os.cpu_count() or 1
        quota = max(1000, round(fraction_of_machine * cores * PERIOD_US))  # the kernel's minimum is 1 ms
    if _is_v2(folder):
        _write(folder / "cpu.max", f"{quota or 'max'} {PERIOD_US}")
    else:
        _write(folder / "cpu.cfs_period_us", str(PERIOD_US))
        _write(folder / "cpu.cfs_quota_us", str(quota or -1))


def set_memory_limit(name: str, limit_bytes: int | None) -> None:
    """Limit the group's memory (beyond it the kernel kills its processes); None removes the limit."""
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
            f"wanted the control group {name} with the controller {controller}, this machine offers none: "
            "phones run here, but cannot be throttled or limited"
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
