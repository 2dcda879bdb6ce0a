"""A virtual phone's tools, sensors and heat as seen over its real adbd."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from device_agents.virtual_phone.cgroup import cpu_usage_ns
from device_agents.virtual_phone.errors import FarmError
from tests.farm_phones import Phone


def said(phone: Phone, command: str) -> str:
    """Run a command on the phone that must succeed, and return its output."""
    done = phone.adb("shell", command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def eventually(holds: Callable[[], bool], deadline_s: float = 20.0) -> None:
    """Wait until something holds: readings follow within a second, a reboot takes a few seconds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < deadline_s
        time.sleep(0.1)


def temperature(phone: Phone, kind: str) -> int:
    """Return the reading of a thermal zone, found by its type, in millidegrees."""
    find = f"cd /sys/class/thermal; for z in *; do [ $(cat $z/type) = {kind} ] && cat $z/temp; done; true"
    return int(said(phone, find))


def test_the_phone_says_what_it_is(phone: Phone) -> None:
    """Adb reads its properties, and its serial is that of its identity."""
    assert said(phone, "getprop ro.soc.model") == "MT6989\n"
    assert said(phone, "getprop ro.serialno") == f"{phone.name}\n"
    assert said(phone, "getprop ro.boot.pocketlab.kind") == "virtual\n"
    assert said(phone, "id -Z") == "u:r:shell:s0\n"


def test_adbs_shell_may_change_settings_and_not_sysfs(phone: Phone) -> None:
    """Adb's shell has uid 2000, as on Android, so the rooted profile does not work without root."""
    said(phone, "settings put system screen_brightness 1")
    assert said(phone, "settings get system screen_brightness") == "1\n"

    pin = phone.adb("shell", "echo 1900000 > /sys/devices/system/cpu/cpufreq/policy7/scaling_max_freq")
    assert pin.returncode != 0


def test_heat_is_felt_by_the_processes(phone: Phone) -> None:
    """At 48 degC the phone has 0.3 of its clocks and gets 0.3 of the machine's cores, however busy it is."""
    cores = os.cpu_count() or 1
    phone.fault("heat", 48)
    assert "Thermal Status: 3\n" in said(phone, "dumpsys thermalservice")
    assert said(phone, "cat /sys/devices/system/cpu/cpufreq/policy7/scaling_max_freq") == "1000000\n"
    assert temperature(phone, "vtskin-max") > 45_000
    began, before = time.monotonic(), cpu_usage_ns(phone.core.group)
    phone.adb("shell", "for p in 1 2 3 4 5 6 7 8; do timeout 3 sh -c 'while :; do :; done' & done; wait")

    used = (cpu_usage_ns(phone.core.group) - before) / 1e9 / (time.monotonic() - began) / cores
    assert used < 0.35  # 0.3006 by the clocks; the rest is the error of a quota's period


def test_load_warms_the_phone(phone: Phone) -> None:
    """A busy loop on every core warms the chip's zone by more than the 1.2 K of an idle phone."""
    before = temperature(phone, "soc_max")
    phone.adb("shell", "for p in 1 2 3 4; do timeout 60 sh -c 'while :; do :; done' >/dev/null 2>&1 & done")

    eventually(lambda: temperature(phone, "soc_max") > before + 2_000, deadline_s=60)


def test_knobs_work_over_the_wire(phone: Phone) -> None:
    """A sensor is refused or vanished until the fault is undone."""
    phone.fault("sensor", "settings refuse")
    phone.fault("sensor", "vtskin-max refuse")
    phone.fault("sensor", "thermalservice vanish")

    refused = phone.adb("shell", "settings put system screen_brightness 2")
    assert refused.returncode == 255
    assert "java.lang.SecurityException" in refused.stderr
    assert "HAL Ready: false\n" in said(phone, "dumpsys thermalservice")
    eventually(lambda: "Permission denied" in phone.adb("shell", "cat /sys/class/thermal/*/temp").stderr)
    phone.fault("restore")
    assert "HAL Ready: true\n" in said(phone, "dumpsys thermalservice")
    eventually(lambda: phone.adb("shell", "cat /sys/class/thermal/*/temp").stderr == "")


@pytest.mark.parametrize("command", ["svc power reboot", "reboot"])
def test_a_reboot_asked_for_inside_loses_fixed_performance(phone: Phone, command: str) -> None:
    """The phone comes back with another boot id; flags are gone, settings stay."""
    said(phone, "cmd power set-fixed-performance-mode-enabled true; settings put global low_power 0")
    ask = "cat /proc/sys/kernel/random/boot_id"
    boot = said(phone, ask)
    phone.adb("shell", command)
    eventually(lambda: phone.adb("shell", ask).stdout not in ("", boot))

    assert said(phone, "cat /sys/devices/system/cpu/cpufreq/policy7/scaling_max_freq") == "3250000\n"


def test_a_link_laid_in_the_phone_reaches_nothing_on_this_machine(phone: Phone, tmp_path: Path) -> None:
    """The writer of the phone's state is root on this machine and anybody may connect: it follows no link."""
    (tmp_path / "mine").write_text("untouched")
    (tmp_path / "folder").mkdir(mode=0o700)
    state = "cd /metadata/pocketlab"
    said(
        phone, f"{state}; ln -s {tmp_path}/mine identity.part; mv settings aside; ln -s {tmp_path}/folder settings"
    )
    said(phone, f"{state}; mv now now.aside; ln -s {tmp_path}/folder now")
    said(phone, f"{state}; printf 'x/../../../../..{tmp_path}/planted=1\\n' >> identity.prop; mkdir -p props/x")
    try:
        with suppress(FarmError):
            phone.fault("change-identity", "other")
        time.sleep(2.5)  # the supervisor writes readings every second
        assert (tmp_path / "mine").read_text() == "untouched"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "mine"]
        assert list((tmp_path / "folder").iterdir()) == []
        boot = phone.shell("cat /proc/sys/kernel/random/boot_id")
        phone.fault("reboot")
        time.sleep(2.5)
        assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
        assert list((tmp_path / "folder").iterdir()) == []
    finally:
        for name, aside in (("settings", "aside"), ("now", "now.aside"), ("identity.part", "")):
            left = phone.core.state_root / name
            if left.is_symlink():
                left.unlink()
            if aside:  # the supervisor writes only what changes: the other tests need the rest
                shutil.rmtree(left, ignore_errors=True)
                left.with_name(aside).rename(left)
        phone.restore()
    assert phone.shell("cat /proc/sys/kernel/random/boot_id") != boot
