"""An examination of this machine: everything that measuring needs, there or missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from lab.device.cores import OVERRIDE, lock_path, state
from lab.device.local import cores, host_facts
from lab.device.lockfile import machine_lock
from lab.errors import RunError
from lab.islands import remedies

FREE_GIB = 5.0
"""Free disk wanted: room for the environment's and the builds' growth; a judgement."""

IDLE_LOAD = 0.5
"""Load per core above which other work is on the machine; a judgement, the one used for phones at rest."""


@dataclass(frozen=True)
class Finding:
    """One line: `fatal` ones stop the lab from measuring, others only make it less sure."""

    ok: bool
    what: str
    found: str
    remedy: str = ""
    fatal: bool = False


def examine(data: Path, builds: int) -> Iterator[Finding]:
    """Look at this machine and yield what it has and lacks; `builds` is how many the data root holds."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(sys.version_info >= (3, 11), "Python 3.11 or newer", version, "install Python 3.11", fatal=True)
    for package in ("onnxruntime", "numpy", "pydantic"):
        yield _package(package, remedies.packages(), fatal=True)
    only = "only making builds and `lab run --image FILE` need it"
    yield _package("torch", f"{remedies.packages('models')} ({only})", fatal=False)
    yield _writable(data)
    free_gib = shutil.disk_usage(_existing(data)).free / 2**30
    yield Finding(free_gib >= FREE_GIB, f"{FREE_GIB:g} GiB of free disk", f"{free_gib:.1f} GiB", "free some space")
    usable = cores()
    yield Finding(
        len(usable) >= 2,
        "two cores, one for each execution unit",
        f"{len(usable)} ({', '.join(map(str, usable))})",
        "give the lab a second core, or use placement = 'all'",
    )
    yield _quota(len(usable))
    yield _governor()
    yield _boost()
    load = os.getloadavg()[0] / max(1, len(usable))
    yield Finding(
        load <= IDLE_LOAD, "no other load on the machine", f"{load:.2f} a core over a minute", "end other work"
    )
    yield _lock()
    yield Finding(builds > 0, "a build to measure", str(builds), remedies.a_build(data), fatal=True)
    yield from _phones(data)


def _phones(data: Path) -> Iterator[Finding]:
    """Look for what phones need, real and virtual ones; measuring this machine needs none of it."""
    yield _package("adbutils", f"{remedies.packages()} (only phones need it; it brings adb)", fatal=False)
    made = sorted(path.parent.name for path in (data / "agents").glob("*/bundle.json"))
    yield Finding(
        bool(made),
        "agents for phones",
        ", ".join(made) or "none",
        f"{remedies.agent('arm64', data / 'agents/arm64')} for a phone; a virtual phone's ABI is x86_64",
    )
    missing = [name for name in ("debootstrap", "unshare", "nsenter", "mount") if shutil.which(name) is None]
    if os.geteuid() != 0:
        missing.insert(0, "root")
    yield Finding(
        not missing,
        "what virtual phones need",
        f"missing {', '.join(missing)}" if missing else "all here",
        "become root, and install the Debian packages debootstrap and util-linux",
    )
    emulates = shutil.which("qemu-aarch64-static") is not None or platform.machine() == "aarch64"
    yield Finding(
        emulates,
        "what emulated arm64 phones need",
        "all here" if emulates else "missing qemu-aarch64-static",
        "install the Debian package qemu-user-static",
    )


def _package(name: str, remedy: str, *, fatal: bool) -> Finding:
    present = util.find_spec(name) is not None  # looked for, not imported
    found = metadata.version(name) if present else "missing"
    return Finding(present, f"package {name}", found, remedy, fatal=fatal)


def _writable(data: Path) -> Finding:
    try:
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        return Finding(False, f"data root {data} can be written", str(error), "choose another: --data", fatal=True)
    return Finding(True, f"data root {data} can be written", "yes")


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _quota(usable: int) -> Finding:
    """A container's CPU quota: under it, threads on every core are throttled in turns."""
    found = host_facts()["cpu_quota"]
    quota, _, period = found.partition(" ")
    share = int(quota) / int(period) if quota.isdigit() and period.isdigit() else None
    return Finding(
        share is None or share >= usable,
        "no CPU quota below the cores used",
        "none" if share is None else f"{share:g} of {usable} cores",
        "give the container whole cores (cpuset) instead of a quota: times are throttled otherwise",
    )


def _lock() -> Finding:
    """The lock that keeps two labs from measuring at once, and who holds it now."""
    what, path = "the measuring lock, one for all labs of this machine", lock_path()
    try:
        found = f"{path}, {state(path)}"
    except RunError as error:
        return Finding(False, what, str(path), str(error), fatal=True)
    if OVERRIDE in os.environ and path != machine_lock():
        remedy = f"unset {OVERRIDE}, unless every lab that shares these cores has it"
        return Finding(False, what, f"{found}; {OVERRIDE} names it: labs without it do not see it", remedy)
    return Finding(True, what, found)


def _governor() -> Finding:
    found = host_facts()["governor"]
    return Finding(
        found == "performance",
        "clocks held by governor `performance`",
        found if found != "unknown" else "not readable (a container or virtual machine hides it)",
        "`cpupower frequency-set -g performance`, where the machine is yours",
    )


def _boost() -> Finding:
    for path, boosting in (
        ("/sys/devices/system/cpu/intel_pstate/no_turbo", "0"),
        ("/sys/devices/system/cpu/cpufreq/boost", "1"),
    ):
        if Path(path).exists():
            on = Path(path).read_text().strip() == boosting
            return Finding(
                not on, "frequency boost off", "on" if on else "off", f"write the other value to {path}"
            )
    return Finding(False, "frequency boost off", "not readable", "nothing to do: expect some drift")
