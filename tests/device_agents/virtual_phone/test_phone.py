"""A virtual phone looks like Android to adb, and is alone in a boot of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.farm_phones import Phone

TMP = "/data/local/tmp"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def test_a_virtual_phone_looks_like_android_to_adb(phone: Phone) -> None:
    """It has Android's shell user, shell and folders, a read-only system, and nothing that Android lacks."""
    said = phone.adb("shell", "id -un; ls -d /tmp /dev/shm 2>/dev/null; command -v sh sha256sum")
    assert said.stdout.split() == ["shell", "/system/bin/sh", "/system/bin/sha256sum"]
    assert phone.adb("shell", f"cd {TMP} && echo hello > file && cat file").stdout == "hello\n"
    assert phone.adb("shell", "echo x > /system/x").returncode != 0
    assert phone.adb("shell", "exit 7").returncode == 7


def test_a_phone_has_a_boot_of_its_own(phone: Phone) -> None:
    """The boot clock starts at zero with the phone, and start times of processes follow it."""
    here = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    uptime_s, ticks = phone.adb(
        "shell", "cut -d' ' -f1 /proc/uptime; cut -d' ' -f22 /proc/self/stat"
    ).stdout.split()
    assert float(uptime_s) < here
    assert float(uptime_s) == pytest.approx(int(ticks) / os.sysconf("SC_CLK_TCK"), abs=1.0)
    assert phone.adb("shell", f"cat {BOOT_ID}").stdout != Path(BOOT_ID).read_text(encoding="ascii")


def test_a_phone_sees_itself_alone(phone: Phone, phones: list[Phone]) -> None:
    """It sees no process of this machine, no network but its loopback, and no file of the other phone."""
    names = phone.adb("shell", "ps -A -o NAME").stdout.split()
    assert "adbd" in names
    assert "systemd" not in names
    assert int(phone.adb("shell", "ls -d /proc/[0-9]* | wc -l").stdout) < 12
    assert [line.split(":")[0].strip() for line in phone.shell("cat /proc/net/dev").splitlines()[2:]] == ["lo"]
    phones[1].adb("shell", f"echo mine > {TMP}/mine")
    assert phone.adb("shell", f"cat {TMP}/mine").returncode != 0


def test_no_reboot_reaches_the_host(phone: Phone) -> None:
    """Even root in the phone cannot call reboot(2): it lacks the capability."""
    status = dict(line.split(":\t", 1) for line in phone.shell("cat /proc/1/status").splitlines() if ":\t" in line)
    assert int(status["CapBnd"], 16) & 1 << 22 == 0  # CAP_SYS_BOOT, <linux/capability.h>
