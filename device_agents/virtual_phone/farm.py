"""The phones of one farm: starts them, ends them, and cleans up after interrupted commands."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from device_agents.virtual_phone import cgroup, emulation, linux, rootfs
from device_agents.virtual_phone.control import ask
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.phone import KIND, Phone, create, load
from device_agents.virtual_phone.rootfs import Say
from device_agents.virtual_phone.supervisor import BOOT_S

MARK = "pocketlab-farm"
"""The file that makes a folder a farm. Without it nothing in the folder is changed or removed."""
MARKED = "Virtual phones of pocketlab: `make farm-down` removes them, and this file.\n"

NETWORK = {"x86_64": "127.0.77", "arm64": "127.0.78"}
PHONE = re.compile(rf"({'|'.join(KIND.values())})-\d+")
"""The names of a farm's phones, and of their folders."""

PROGRAMS = {  # a program that a farm runs -> its Debian package
    "apt-get": "apt",
    "debootstrap": "debootstrap",
    "dpkg-deb": "dpkg",
    "mkfs.ext4": "e2fsprogs",
}


def root() -> Path:
    """Return the farm's folder: $POCKETLAB_FARM or /var/tmp/pocketlab-farm."""
    return Path(os.environ.get("POCKETLAB_FARM") or "/var/tmp/pocketlab-farm").resolve()


def check(abi: str) -> None:
    """Raise `FarmError` when this machine cannot run phones of this ABI."""
    if os.geteuid() != 0:
        raise FarmError(
            f"virtual phones need root (namespaces, mounts), found user {os.geteuid()}: run as root, "
            "here or in a virtual machine"
        )
    missing = {program: package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    if missing:
        wanted = ", ".join(missing)
        raise FarmError(f"virtual phones need {wanted}, not found: apt-get install {' '.join(missing.values())}")
    if abi == "arm64":
        emulation.check()
    if not Path("/proc/self/ns/time").exists():
        raise FarmError("virtual phones need time namespaces (Linux 5.6 or newer with CONFIG_TIME_NS), found none")
    if not Path("/dev/loop-control").exists():
        raise FarmError("virtual phones need loop devices for /data, found no /dev/loop-control: modprobe loop")
    if "\toverlay" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        raise FarmError("virtual phones need the file system overlay, this kernel has none: modprobe overlay")


@contextlib.contextmanager
def _turn(farm: Path, say: Say) -> Iterator[None]:
    """Allow one `up` or `down` at a time, in a folder that bears the farm's mark."""
    farm.chmod(0o700)  # files in it run as root: nobody else may write them
    with (farm / "lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another command that works in {farm}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _mark(farm: Path) -> None:
    """Make the farm's folder, or take an empty one; raise `FarmError` when it holds anything but a farm."""
    try:
        farm.mkdir(parents=True, exist_ok=True)
        _refuse_others(farm)
        (farm / MARK).write_text(MARKED, encoding="ascii")
    except OSError as error:
        raise FarmError(f"wanted a folder for a farm, {farm}: {error.strerror}: name another") from error


def _refuse_others(farm: Path) -> None:
    """Raise `FarmError` when a folder is neither empty nor a farm."""
    others = sorted(path.name for path in farm.iterdir())
    if others and not (farm / MARK).is_file():
        raise FarmError(
            f"wanted a farm or an empty folder in POCKETLAB_FARM, found {farm}, which has no file {MARK} but "
            f"{len(others)} others, such as {others[0]!r}: nothing was touched; name another folder"
        )


def phones(farm: Path) -> list[Phone]:
    """Return every phone of the farm, running or not; raise `FarmError` for a folder of something else."""
    if not farm.is_dir():
        return []
    if not os.access(farm, os.R_OK | os.X_OK):
        raise FarmError(f"the farm in {farm} belongs to root: use sudo, or name another in POCKETLAB_FARM")
    _refuse_others(farm)
    found = sorted((farm / "phones").glob("*/phone.json"))
    return [load(path.parent) for path in found if PHONE.fullmatch(path.parent.name)]


def is_up(phone: Phone) -> bool:
    """Tell whether the phone's supervisor answers."""
    try:
        ask(phone, "status", deadline_s=5.0)
    except FarmError:
        return False
    return True


def up(count: int, abi: str, say: Say, network: str = "") -> list[Phone]:
    """Start phones of this ABI until `count` run, leave running ones alone, and return all of this ABI."""
    check(abi)
    farm = root()
    _mark(farm)
    with _turn(farm, say):
        base = rootfs.ensure(abi, say)
        if abi == "arm64":
            emulation.register(farm, say)
        wanted = [_phone(farm, number, abi, base, network or NETWORK[abi]) for number in range(1, count + 1)]
        started = []
        for phone in wanted:
            if not is_up(phone):
                sweep(phone)
                create(phone)
                started.append((phone, _start(phone)))
        for phone, process in started:
            _wait(phone, process)
    return [phone for phone in phones(farm) if phone.abi == abi]


def _phone(farm: Path, number: int, abi: str, base: Path, network: str) -> Phone:
    name = f"{KIND[abi]}-{number}"
    group = f"pocketlab-{hashlib.sha256(str(farm).encode()).hexdigest()[:8]}-{name}"
    return Phone(name, abi, f"{network}.{number}", farm / "phones" / name, base, group)


def _start(phone: Phone) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "device_agents.virtual_phone.control", str(phone.folder)]
    with phone.log.open("ab") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )


def _wait(phone: Phone, process: subprocess.Popen[bytes]) -> None:
    """Wait until a phone that was just started is up; remove it when it does not come up."""
    began = time.monotonic()
    state = "started"
    while time.monotonic() - began < BOOT_S and process.poll() is None and not state.startswith("broken"):
        with contextlib.suppress(FarmError):
            state = str(ask(phone, "status")["said"])
        if state == "up":
            process.returncode = 0  # it outlives us: Popen must not warn that we did not wait for it
            return
        time.sleep(0.02)
    tail = phone.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    sweep(phone)
    raise FarmError(f"{phone.name} did not come up ({state}); its log ends: {' / '.join(tail)}")


def down(say: Say) -> list[str]:
    """End every phone of the farm, running or left over, remove what `up` made by name, and return their names.

    Raises `FarmError` when the folder is no farm. Anything else in it is left there and listed.
    """
    farm = root()
    if not farm.exists():
        return []
    if not farm.is_dir():
        raise FarmError(f"wanted a farm in POCKETLAB_FARM, found {farm}, which is no folder: name another")
    _refuse_others(farm)
    if not (farm / MARK).exists():
        return []
    with _turn(farm, say):
        found = phones(farm)
        for phone in found:
            with contextlib.suppress(FarmError):
                ask(phone, "stop", deadline_s=5.0)
        for phone in found:
            sweep(phone)
        for folder in (farm / "phones").glob("*"):
            if PHONE.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)  # also without a phone.json, from an interrupted `up`
        emulation.unregister(farm)
        with contextlib.suppress(OSError):
            (farm / "phones").rmdir()
    for name in ("lock", MARK):
        (farm / name).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):  # a second `down` was waiting for this one
        if left := sorted(path.name for path in farm.iterdir()):
            say(f"left {farm} in place, with {', '.join(map(repr, left[:5]))}, which `up` did not make")
        else:
            farm.rmdir()
    return [phone.name for phone in found]


def sweep(phone: Phone) -> None:
    """End a phone's processes, and with them its mounts, and remove its control group; keep /data."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid, started = (
            int(word) for word in (phone.folder / "supervisor.pid").read_text(encoding="ascii").split()
        )
        _kill(pid, started)
    began = time.monotonic()
    while members := cgroup.processes(phone.group):
        for pid in members:  # left without a supervisor: should not happen, must not stay
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() - began > 10:
            raise FarmError(f"{phone.name}: processes {members} still run 10 s after SIGKILL; see dmesg")
        time.sleep(0.02)
    cgroup.remove(phone.group)
    phone.control.unlink(missing_ok=True)


def _kill(pid: int, started: int, wait_s: float = 5.0) -> None:
    """End the process with this pid and start time: by SIGTERM, then by SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        began = time.monotonic()
        while linux.start_time(pid) == started:
            if time.monotonic() - began > wait_s:
                break
            if time.monotonic() - began > 0.3 or number == signal.SIGKILL:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            time.sleep(0.02)
