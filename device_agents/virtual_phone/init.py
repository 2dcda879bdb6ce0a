"""The first process of a virtual phone: makes the container around itself, then acts as Android's init.

    python -m device_agents.virtual_phone.init PHONE_FOLDER

Prints the pid of the phone's pid 1 on one line, and ends when the phone ends. Status 0 means that somebody in
the phone asked for a reboot (/system/bin/reboot writes a line to /dev/socket/init), any other that the phone
died. The phone dies with this process, and this process with its supervisor. Every mount is in the phone's own
mount namespace, so nothing is left behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from device_agents.virtual_phone import cgroup, linux
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.phone import SHELL, Phone, load
from device_agents.virtual_phone.rootfs import ADBD

RESTART_S = 1.0  # Android's init waits about this long before it restarts a service that died
GROUPS = (1004, 1007, 3003, 3009)  # input, log, inet, readproc: some of the groups of adb's shell on Android
NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
ENVIRONMENT = {
    "ADBD_PORT": "5555",
    "ANDROID_DATA": "/data",
    "ANDROID_ROOT": "/system",
    "HOME": "/",
    "PATH": "/product/bin:/system/bin:/vendor/bin",  # part of Android's path, nothing of Debian's
    "TMPDIR": "/data/local/tmp",
}


def main(folder: Path) -> int:
    """Start the phone in `folder` and stay until it ends."""
    linux.die_with_parent(os.getppid())
    phone = load(folder)
    for members in cgroup.create(phone.group):
        members.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        linux.unshare(
            linux.NEW_PID | linux.NEW_MOUNT | linux.NEW_NET | linux.NEW_UTS | linux.NEW_IPC | linux.NEW_TIME
        )
    except OSError as error:
        raise FarmError(
            f"wanted own namespaces for {phone.name} (time namespaces too: Linux 5.6 or newer), the kernel "
            f"refused: {error}"
        ) from error
    linux.clocks_from_zero()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _first_process(phone, parent)
    print(child, flush=True)  # noqa: T201 - the supervisor waits for it
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _first_process(phone: Phone, parent: int) -> None:
    """Run as pid 1; never return."""
    try:
        # The parent is outside this PID namespace: getppid() says 0 here.
        linux.die_with_parent(0 if os.getpid() == 1 else parent)
        socket.sethostname(phone.name)
        linux.loopback_up()
        _file_systems(phone, phone.folder / "mount")
        linux.drop_capability(linux.CAP_SYS_BOOT)
        os.umask(0)
        with contextlib.suppress(PermissionError):  # without CAP_SYS_RESOURCE the kernel may kill init, too
            Path("/proc/self/oom_score_adj").write_text("-1000", encoding="ascii")
        os.mkfifo("/dev/socket/init", 0o666)
        threading.Thread(target=_obey, daemon=True).start()
        _services()
    except BaseException as error:  # noqa: BLE001 - the last place to report it
        sys.stderr.write(f"init: {phone.name}: {error}\n")
        sys.stderr.flush()
    os._exit(1)


def _file_systems(phone: Phone, root: Path) -> None:
    """Mount the phone's file systems at `root` and make it the root."""
    linux.mount("", "/", flags=linux.RECURSIVE | linux.PRIVATE)
    _overlay(phone, root)
    flags = linux.NO_SUID | linux.NO_DEV
    linux.mount("tmpfs", root / "dev", "tmpfs", linux.NO_SUID, "mode=755,size=1m")
    _devices(root / "dev")
    linux.mount("proc", root / "proc", "proc", flags | linux.NO_EXEC)
    linux.bind(phone.boot_id, root / "proc/sys/kernel/random/boot_id", linux.READ_ONLY)
    if (phone.folder / "cpuinfo").exists():
        linux.bind(phone.folder / "cpuinfo", root / "proc/cpuinfo", linux.READ_ONLY)
    linux.bind(phone.sys_root, root / "sys", flags | linux.NO_EXEC)
    linux.bind(phone.state_root, root / "metadata/pocketlab", flags)
    with linux.loop_device(phone.data_image) as disk:
        linux.mount(disk, root / "data", "ext4", flags | linux.NO_ACCESS_TIMES, "discard")
    (root / "data").chmod(0o771)
    for folder, owner, mode in (("local", 0, 0o751), ("local/tmp", SHELL, 0o771)):
        place = root / "data" / folder
        place.mkdir(exist_ok=True)
        os.chown(place, owner, owner)
        place.chmod(mode)
    linux.change_root(root)


def _overlay(phone: Phone, root: Path) -> None:
    """Lay the phone's own /system over the cached root; without an upper layer it is read-only, as on Android."""
    try:
        linux.mount("overlay", root, "overlay", linux.READ_ONLY, f"lowerdir={phone.system.parent}:{phone.root}")
    except OSError as error:
        raise FarmError(
            f"wanted an overlay of {phone.root} for {phone.name}, the kernel refused: {error}"
        ) from error


def _devices(dev: Path) -> None:
    os.umask(0)
    for name, (major, minor) in NODES.items():
        os.mknod(dev / name, 0o020666, os.makedev(major, minor))
    for folder in ("pts", "socket"):
        (dev / folder).mkdir(mode=0o755)
    linux.mount("devpts", dev / "pts", "devpts", linux.NO_SUID | linux.NO_EXEC, "ptmxmode=0666,mode=620")
    for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0")):
        (dev / name).symlink_to(target)
    for number, name in ((1, "stdout"), (2, "stderr")):
        (dev / name).symlink_to(f"/proc/self/fd/{number}")


def _obey() -> None:
    """Reboot when anybody in the phone asks, as Android's init does for the property sys.powerctl."""
    requests = os.open("/dev/socket/init", os.O_RDWR)  # read and write: with a writer the pipe never ends
    while True:
        words = os.read(requests, 4096).decode("utf-8", errors="replace").split()
        if words[:1] in (["reboot"], ["shutdown"]):
            os._exit(0)  # every process in the phone ends with pid 1
        time.sleep(0.01)


def _services() -> None:
    """Keep adbd running, and reap every orphan."""
    adbd = _start_adbd()
    while True:
        pid, _ = os.wait()
        if pid == adbd:
            time.sleep(RESTART_S)
            adbd = _start_adbd()


def _start_adbd() -> int:
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would inherit that
            Path("/proc/self/oom_score_adj").write_text("0", encoding="ascii")  # otherwise shells inherit init's
            linux.refuse_vsock()
            os.setgroups(GROUPS)
            os.setresgid(SHELL, SHELL, SHELL)
            os.setresuid(SHELL, SHELL, SHELL)
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.execve(ADBD, [ADBD], ENVIRONMENT)
        finally:
            os._exit(127)
    return child


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except FarmError as error:
        sys.stderr.write(f"init: {error}\n")
        sys.exit(2)
