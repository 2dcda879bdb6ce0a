"""The root file system of every virtual phone: Debian's adbd and toybox, made to look like Android.

It is made once for each ABI from Debian trixie (the first release that packages Android's own daemon) and
cached. debootstrap fetches and checks the packages; they are unpacked but never configured, so making a
foreign ABI needs no emulator. The mirror is that of this machine's own apt.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from device_agents.debian import KEYRING, DebianError, want_keys
from device_agents.virtual_phone.errors import FarmError

Say = Callable[[str], None]

RECIPE = "4"  # raise it whenever the result changes: it names the cached folder
SUITE = "trixie"
PACKAGES = ("adbd", "toybox", "mksh")
ARCHITECTURE = {"x86_64": "amd64", "arm64": "arm64"}  # our names -> Debian's
ADBD = "/usr/lib/android-sdk/platform-tools/adbd"  # where Debian's package puts it

# The commands of Android 14's toybox (external/toybox/Android.bp, from memory) that Debian's toybox has as well.
# Debian's has more, which the phone leaves out, so that the lab cannot come to depend on them.
TOYBOX = """
[ acpi base64 basename blkdiscard blkid blockdev cal cat chattr chgrp chmod chown chroot chrt cksum clear cmp
comm cp cpio cut date devmem df dirname dmesg dos2unix du echo egrep env expand fallocate false fgrep file find
flock fmt free freeramdisk fsfreeze fsync getconf grep groups gunzip head help hostname hwclock i2cdetect i2cdump
i2cget i2cset iconv id ifconfig inotifyd insmod install ionice iorenice iotop kill killall ln logname losetup ls
lsattr lsmod lspci lsusb makedevs md5sum microcom mkdir mkfifo mknod mkswap mktemp modinfo mount mountpoint mv
nbd-client nc netcat netstat nice nl nohup nproc nsenter od partprobe paste patch pgrep pidof ping ping6
pivot_root pkill pmap printenv printf prlimit ps pwd pwdx readelf readlink realpath renice rev rfkill rm rmdir
rmmod rtcwake sed seq setfattr setsid sha1sum sha224sum sha384sum sha512sum sleep sort split stat strings swapoff
swapon sync sysctl tac tail tar taskset tee test time timeout top touch toybox true truncate tty tunctl uclampset
ulimit umount uname uniq unix2dos unlink unshare uptime usleep uudecode uuencode uuidgen vconfig vmstat watch wc
which whoami xargs xxd yes zcat
"""
# Android has these, and Debian's toybox lacks them. sha256sum has another reason: Android's toybox hashes with
# BoringSSL (hundreds of MB/s), Debian's with its own portable code, 14 times slower than coreutils' (12 s against
# 0.86 s for 1 GiB, seen here).
OTHERS = {
    "awk": "mawk",
    "dd": "dd",
    "diff": "diff",
    "expr": "expr",
    "gzip": "gzip",
    "more": "more",
    "sha256sum": "sha256sum",
    "stty": "stty",
    "tr": "tr",
}
# Android's users (android_filesystem_config.h): adb's shell is 2000.
PASSWD = (
    "root:x:0:0::/:/system/bin/sh\nsystem:x:1000:1000::/:/system/bin/sh\nshell:x:2000:2000::/:/system/bin/sh\n"
)
GROUPS = "root:x:0:\nsystem:x:1000:\nshell:x:2000:\ninput:x:1004:\nlog:x:1007:\ninet:x:3003:\nreadproc:x:3009:\n"
FOLDERS = ("data", "metadata/pocketlab", "mnt", "storage", "system/bin", "vendor/bin", "product/bin")


def cache() -> Path:
    """Return the cache folder of root file systems: $POCKETLAB_CACHE or ~/.cache/pocketlab."""
    return Path(os.environ.get("POCKETLAB_CACHE") or Path.home() / ".cache/pocketlab").resolve()


def ensure(abi: str, say: Say) -> Path:
    """Return the cached root of an ABI; make it first if there is none, once for concurrent callers."""
    root = cache() / f"phone-{abi}-{SUITE}-{RECIPE}"
    if root.is_dir():
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_suffix(".lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another command that makes the root file system {root.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            _make(abi, root, say)
    return root


def _make(abi: str, root: Path, say: Say) -> None:
    """Make the root under a temporary name and rename it when it is complete."""
    began = time.monotonic()
    aside = root.with_suffix(".part")
    if aside.exists():
        shutil.rmtree(aside)
    log = root.with_suffix(".log")
    say(f"making the phones' root file system for {abi} (once: about half a minute and 200 MB; log: {log})")
    _fetch(abi, aside, log, say)
    archives = sorted((aside / "var/cache/apt/archives").glob("*.deb"))
    for number, archive in enumerate(archives, 1):
        if number % 20 == 1 or number == len(archives):
            say(f"unpacking package {number} of {len(archives)}")
        _command(["dpkg-deb", "-x", str(archive), str(aside)], log)
    androidise(aside)
    aside.rename(root)
    say(f"made {root} in {time.monotonic() - began:.0f} s")


def _fetch(abi: str, root: Path, log: Path, say: Say) -> None:
    """Download and check the packages with debootstrap, from apt's first mirror that has the suite.

    Without Debian's keys debootstrap would go on unsigned: raises `FarmError` instead.
    """
    try:
        want_keys()
    except DebianError as error:
        raise FarmError(str(error)) from error
    failures = []
    for mirror in mirrors():
        say(f"fetching {SUITE} with debootstrap from apt's mirror")
        argv = ["debootstrap", "--foreign", "--variant=minbase", f"--arch={ARCHITECTURE[abi]}"]
        argv += [f"--keyring={KEYRING}", "--force-check-gpg"]
        try:
            _command([*argv, f"--include={','.join(PACKAGES)}", SUITE, str(root), mirror], log)
        except FarmError as error:
            failures.append(str(error))
            shutil.rmtree(root, ignore_errors=True)
        else:
            return
    raise FarmError(failures[-1])


def mirrors() -> list[str]:
    """Return the Debian mirrors, of any release, in this machine's apt configuration, as apt itself reads it."""
    argv = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    try:
        text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise FarmError(f"wanted a Debian mirror from apt's configuration, to make a phone: {error}") from error
    chosen = debian_in(text)
    if not chosen:
        raise FarmError(
            "wanted a Debian mirror in this machine's apt sources (its address ends in /debian), found none: "
            "add one in /etc/apt/sources.list.d, or set POCKETLAB_CACHE to a folder with root file systems made "
            "elsewhere"
        )
    return chosen


def debian_in(targets: str) -> list[str]:
    """Return the addresses of Debian's own archive in apt's targets (lines of address, release, component)."""
    found = [line.split() for line in targets.splitlines()]
    names = [uri for uri, release, component in found if component == "main" and "-" not in release]
    return list(dict.fromkeys(uri for uri in names if uri.rstrip("/").endswith("/debian")))


def androidise(root: Path) -> None:
    """Make an unpacked Debian root look like Android: add /system/bin, shell and users, remove /tmp and spares."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/passwd").write_text(PASSWD, encoding="ascii")
    (root / "etc/group").write_text(GROUPS, encoding="ascii")
    for name in TOYBOX.split():
        (root / "system/bin" / name).symlink_to("/usr/bin/toybox")
    for name, target in OTHERS.items():
        (root / "system/bin" / name).symlink_to(f"/usr/bin/{target}")
    (root / "system/bin/sh").symlink_to("/usr/bin/mksh")
    shell = root / "usr/bin/sh"
    shell.unlink(missing_ok=True)
    shell.symlink_to("mksh")  # adbd starts /bin/sh
    (root / "sdcard").symlink_to("/data/media/0")
    (root / "tmp").rmdir()  # Android has none
    for spare in ("var/cache/apt", "usr/share/doc", "usr/share/man", "usr/share/locale", "debootstrap"):
        shutil.rmtree(root / spare, ignore_errors=True)


def _command(argv: list[str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(argv, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise FarmError(f"{argv[0]} failed ({done.returncode}); its last words: {' / '.join(last)} (log: {log})")
