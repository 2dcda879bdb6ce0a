"""The faults of a virtual phone really happen, and end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from device_agents.virtual_phone.errors import FarmError
from tests.farm_phones import Phone

TMP = "/data/local/tmp"


def until(true: Callable[[], bool], what: str, deadline_s: float = 15.0) -> None:
    """Wait until another process makes something true."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < deadline_s, what
        time.sleep(0.05)


def answers(phone: Phone) -> bool:
    """Tell whether adb's shell works now."""
    return phone.adb("shell", "echo yes").stdout == "yes\n"


def boot_id(phone: Phone) -> str:
    """Return the phone's boot id."""
    return phone.adb("shell", "cat /proc/sys/kernel/random/boot_id").stdout


def test_a_phone_that_reboots_comes_back_as_another_boot_with_its_data(phone: Phone) -> None:
    """`reboot` in the phone ends only that phone; files stay, processes end, the boot id is new."""
    before = boot_id(phone)
    phone.adb("shell", f"echo kept > {TMP}/kept; setsid sleep 1000 < /dev/null > /dev/null 2>&1 &")
    phone.adb("shell", "reboot")
    until(lambda: phone.status()["state"] == "up" and answers(phone), "the phone did not come back")
    assert boot_id(phone) != before
    assert phone.adb("shell", f"cat {TMP}/kept; pidof sleep").stdout == "kept\n"


def test_a_detached_process_outlives_a_killed_adbd(phone: Phone) -> None:
    """Adbd restarts within seconds; a process started by `setsid` goes on."""
    phone.adb("shell", f"setsid sh -c 'sleep 30; rm {TMP}/pid' < /dev/null > /dev/null 2>&1 & echo $! > {TMP}/pid")
    before = phone.adb("shell", "pidof adbd").stdout
    phone.fault("kill-adbd")
    until(lambda: answers(phone), "adbd was not started again")
    after = phone.adb("shell", f"pidof adbd; kill -0 $(cat {TMP}/pid) && kill $(cat {TMP}/pid) && echo alive")
    assert after.stdout.splitlines()[1] == "alive"
    assert after.stdout.split()[0] != before.strip()


def test_an_unplugged_phone_is_gone_until_it_is_plugged_in(phone: Phone) -> None:
    """Connections end and new ones are refused; the phone does not reboot."""
    before = boot_id(phone)
    phone.fault("unplug")
    assert "refused" in phone.connect() or "failed" in phone.connect()
    assert not answers(phone)
    phone.fault("replug")
    until(lambda: answers(phone), "the phone did not come back")
    assert boot_id(phone) == before


def test_a_stalled_network_loses_no_byte(phone: Phone) -> None:
    """Bytes stop for the given time; the connection stays, and everything arrives."""
    assert answers(phone)
    began = time.monotonic()
    phone.fault("stall", 1.0)
    assert phone.adb("shell", "seq 1 20000").stdout.split()[-1] == "20000"
    assert time.monotonic() - began >= 0.9


def test_a_hung_phone_answers_again_when_it_is_resumed(phone: Phone) -> None:
    """While it hangs nothing runs in it; afterwards nothing is lost."""
    assert answers(phone)
    phone.fault("hang")
    with pytest.raises(subprocess.TimeoutExpired):
        phone.adb("shell", "echo yes", deadline_s=1.0)
    phone.fault("resume")
    until(lambda: answers(phone), "the phone did not go on")


def test_a_full_disk_is_really_full(phone: Phone) -> None:
    """The given number of bytes is free; more is ENOSPC, also for adb's push; then there is space again."""
    phone.fault("fill-disk", "1M")
    free_kb = int(phone.adb("shell", f"df -k {TMP}").stdout.splitlines()[-1].split()[3])
    assert free_kb <= 1024
    full = phone.adb("shell", f"dd if=/dev/zero of={TMP}/big bs=64k count=64")
    assert full.returncode != 0
    assert "No space left" in full.stdout + full.stderr
    phone.adb("shell", f"rm {TMP}/big")
    phone.fault("free-disk")
    assert phone.adb("shell", f"dd if=/dev/zero of={TMP}/big bs=64k count=64; rm {TMP}/big").returncode == 0


def test_a_flipped_bit_shows_in_the_hash_alone(phone: Phone) -> None:
    """Size, modification time and inode do not change."""
    look = f"stat -c '%s %Y %i' {TMP}/blob; sha256sum {TMP}/blob"
    before = phone.adb("shell", f"head -c 4096 /dev/zero > {TMP}/blob; {look}").stdout.splitlines()
    assert before[1].split()[0] == "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7"  # 4096 zeros
    phone.fault("flip-bit", f"{TMP}/blob")
    after = phone.adb("shell", look).stdout.splitlines()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_another_phone_behind_the_same_address_shows(phone: Phone) -> None:
    """Serial, fingerprint and boot id change at once."""

    def identity() -> list[str]:
        keys = ("ro.serialno", "ro.build.fingerprint")
        return [phone.adb("shell", f"getprop {key}").stdout.strip() for key in keys] + [boot_id(phone)]

    before = identity()
    assert before[0] == phone.name
    phone.fault("change-identity", "STRANGER")
    until(lambda: answers(phone), "the phone did not come back")
    until(lambda: identity()[0] == "STRANGER", "getprop still says the old serial")
    assert all(new != old for new, old in zip(identity(), before, strict=True))


def test_memory_runs_out_where_a_limit_is_set(phone: Phone) -> None:
    """The kernel kills the process that takes too much memory, not the phone."""
    pid = phone.status()["pid"]
    phone.fault("memory-limit", "64M")
    hungry = phone.adb("shell", "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived")
    assert "survived" not in hungry.stdout
    until(lambda: answers(phone), "the phone did not survive")
    assert phone.status()["pid"] == pid


def test_unauthorized_and_offline_are_what_adb_calls_them(phone: Phone) -> None:
    """A phone on which nobody tapped "allow" is `unauthorized`, and one that never answers is `offline`."""

    def said(word: str) -> bool:
        return phone.adb_state() == word

    for word in ("unauthorized", "offline"):
        phone.disconnect()
        phone.fault(word)
        phone.connect()
        until(partial(said, word), f"adb says {phone.adb_state()}, wanted {word}")
    phone.disconnect()
    phone.fault("replug")
    until(lambda: answers(phone), "the phone did not come back")


def test_a_hot_phone_is_slowed_down(phone: Phone) -> None:
    """Heat reduces the CPU time that the phone really gets."""
    spin = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; cut -d' ' -f1 /proc/uptime"
    phone.fault("heat", 60)
    group = phone.core.group
    quota = [path.read_text() for path in Path("/sys/fs/cgroup").glob(f"*/{group}/cpu.cfs_quota_us")]
    quota += [path.read_text() for path in Path("/sys/fs/cgroup").glob(f"{group}/cpu.max")]
    assert quota
    assert not quota[0].startswith(("-1", "max"))
    assert phone.adb("shell", spin).returncode == 0


@pytest.mark.parametrize(
    ("word", "argument", "said"),
    [
        ("explode", "", "no fault 'explode'; there are: change-identity, fill-disk"),
        ("stall", "soon", "wanted a number of seconds, found 'soon'"),
        ("fill-disk", "a lot", "wanted a number of bytes"),
        ("flip-bit", "/proc/1/root/etc/passwd", "wanted a path without links"),
        ("flip-bit", f"{TMP}/../../../etc/passwd", "wanted a path without links or '..'"),
        ("flip-bit", f"{TMP}/none", "wanted a file with at least one byte"),
    ],
)
def test_an_impossible_fault_is_refused_in_words(phone: Phone, word: str, argument: str, said: str) -> None:
    """The message says what was wanted and found, and names the phone."""
    with pytest.raises(FarmError) as error:
        phone.fault(word, argument)
    assert said in str(error.value)
    assert str(error.value).startswith(f"{phone.name}: ")
