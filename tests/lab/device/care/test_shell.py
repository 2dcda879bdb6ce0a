"""Care's shell: a command that hangs, is missing or needs root becomes an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.device.care.prepare import prepare
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed
from lab.errors import DeviceLost, DeviceRefused
from tests.lab.device.care.android_phone import (
    Android,
    as_bought,
    journalled,
    prepared,
    put_back,
)


@pytest.fixture
def android(tmp_path: Path) -> Android:
    """A phone as bought."""
    return as_bought(tmp_path)


def test_a_command_that_hangs_is_asked_once(android: Android, tmp_path: Path) -> None:
    """The phone answers otherwise, so it is not away; the lab pays the deadline once."""
    hung: list[str] = []

    def hangs(line: str, does: Callable[[], Completed]) -> Completed:
        if line.startswith("settings"):
            hung.append(line)
            raise DeviceLost("`settings` did not end within 20 s, and was killed")
        return does()

    android.answers = hangs
    found = prepared(android, tmp_path)

    assert len(hung) == 1
    assert (found["low_power"].outcome, found["low_power"].detail) == (
        "unverifiable", "`settings` did not answer within 20 s",
    )  # fmt: skip
    assert found["doze"].outcome == "applied"


def test_a_write_that_hangs_is_undone_all_the_same(android: Android, tmp_path: Path) -> None:
    """It may have taken effect, and the journal says so."""

    def hangs(line: str, does: Callable[[], Completed]) -> Completed:
        done = does()
        if line == "cmd deviceidle disable":
            raise DeviceLost("`cmd` did not end within 20 s, and was killed")
        return done

    android.answers = hangs
    assert prepared(android, tmp_path)["doze"].outcome == "applied"  # dumpsys says so

    assert put_back(android, tmp_path).pending == ()
    assert android.doze


def test_a_device_without_android_is_not_one_that_is_away(tmp_path: Path) -> None:
    """It has no settings: each is refused, and nothing is written."""
    phone = FakePhone({})
    found = prepare(fake_device(phone), "observe", tmp_path)

    assert {one.outcome for one in found.settings} == {"refused"}
    assert not [line for line in phone.journal if "put" in line]
    assert phone.journal.count("shell settings get system screen_brightness_mode") == 0  # it was missing before


def test_without_root_nothing_is_pinned_and_the_refusal_says_what_was_tried(
    android: Android, tmp_path: Path
) -> None:
    """It comes before any change."""
    before = android.state()
    with pytest.raises(DeviceRefused, match=r"needs root.*uid 0: runs as uid 2000.*su 0: .*not found.*`observe`"):
        prepared(android, tmp_path, "rooted")

    assert (android.state(), journalled(tmp_path)) == (before, [])


def test_root_by_su_pins_too(android: Android, tmp_path: Path) -> None:
    """Where the shell itself is not root, and su takes a script."""

    def su(line: str, does: Callable[[], Completed]) -> Completed:
        if line.startswith("su -c "):
            script = line.removeprefix("su -c ")
            return Completed(0, "0\n", "") if script == "id -u" else android.real(script)
        return Completed(127, "", "sh: sh: inaccessible or not found") if line.startswith("su 0") else does()

    android.answers = su
    assert prepared(android, tmp_path, "rooted")["policy7_scaling_max_freq"].outcome == "applied"
    assert put_back(android, tmp_path).told == ()
    assert android.nodes()["scaling_max_freq"] == "3250000"
