"""Virtual phones are real enough: Android's adbd, a boot of their own, real faults, nothing left."""

from __future__ import annotations

from farm_phones import Phone


def test_a_virtual_phone_looks_like_a_phone_to_adb(phone: Phone) -> None:
    """Android's shell user, its folders, a writable /data, and its own boot clock: no /tmp, no /dev/shm."""
    assert phone.adb("shell", "id -un; pwd; ls -d /tmp /dev/shm 2>/dev/null; command -v sh").stdout.split() == [
        "shell",
        "/",
        "/system/bin/sh",
    ]
    assert phone.adb("shell", "cd /data/local/tmp && echo hello > file && cat file").stdout == "hello\n"
    uptime_s = float(phone.adb("shell", "cat /proc/uptime").stdout.split()[0])
    assert 0 <= uptime_s < 3600
