"""An emulated arm64 phone (make test-arm64): its programs are arm64 programs, and it says what it is."""

from __future__ import annotations

import pytest
from farm_phones import Phone

pytestmark = pytest.mark.arm64


def test_an_emulated_phone_runs_arm64(emulated_phone: Phone) -> None:
    """The kernel's answer, the ABI and the kind; an MT6989's processors in /proc/cpuinfo."""
    said = emulated_phone.adb("shell", "uname -m; getprop ro.product.cpu.abi; getprop ro.boot.pocketlab.kind")
    assert said.stdout.split() == ["aarch64", "arm64-v8a", "emulated"]
    parts = emulated_phone.adb("shell", "grep part /proc/cpuinfo").stdout.split("\n")[:-1]
    assert [line.split()[-1] for line in parts] == ["0xd81"] * 4 + ["0xd82"] * 4  # Cortex-A720, Cortex-X4


def test_an_emulated_phone_comes_back_after_a_reboot(emulated_phone: Phone) -> None:
    """As every phone, with another boot id."""
    before = emulated_phone.adb("shell", "cat /proc/sys/kernel/random/boot_id").stdout
    emulated_phone.fault("reboot")
    emulated_phone.fault("restore")
    after = emulated_phone.shell("cat /proc/sys/kernel/random/boot_id")
    assert len(after) == len(before)
    assert after != before
