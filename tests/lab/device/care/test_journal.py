"""The journal of changed settings: on disk before the device changes, shared by devices, readable when cut."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.device.care.prepare import prepare
from lab.device.care.restore import Restored, restore
from lab.device.fake.phone import fake_device
from lab.device.transport import Completed
from lab.errors import DiskFull, StoreError
from tests.lab.device.care.android_phone import (
    AS_BOUGHT,
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


def test_the_journal_is_on_the_disk_before_the_first_write(android: Android, tmp_path: Path) -> None:
    """Each setting has its entry: value before, boot, time and lab."""
    seen: list[list[dict[str, object]]] = []

    def watched(line: str, does: Callable[[], Completed]) -> Completed:
        if re.match(r"settings (put|delete)|input|cmd", line):
            seen.append(journalled(tmp_path))
        return does()

    android.answers = watched
    prepared(android, tmp_path)

    entry = next(one for journal in seen for one in journal if one["setting"] == "screen_off_timeout")
    assert (entry["before"], entry["wrote"], entry["boot_id"]) == ("60000", ["1800000"], "boot-1")
    assert str(entry["lab"]).endswith(f"pid {os.getpid()}") and str(entry["at_utc"]).endswith("Z")
    assert [[one["proven"] for one in journal] for journal in seen] == [
        [True] * before + [False] for before in range(len(seen))
    ]


def test_a_journal_of_an_older_lab_is_put_back(android: Android, tmp_path: Path) -> None:
    """It lacks what was read back, so a value that is neither the old nor the written one is somebody else's."""
    prepared(android, tmp_path)
    path = tmp_path / "devices/care.json"
    old = [{name: value for name, value in one.items() if name != "proven"} for one in journalled(tmp_path)]
    path.write_text(json.dumps(old))
    android.settings["system/screen_brightness"] = "200"

    told = put_back(android, tmp_path).told

    assert len(told) == 1 and "somebody else changed it since" in told[0]
    assert android.settings == AS_BOUGHT | {"system/screen_brightness": "200"}


@pytest.mark.parametrize("kept", [0, 1, 400, 1200], ids=lambda kept: f"{kept} bytes")
def test_a_cut_journal_is_reported_kept_aside_and_read_line_by_line(
    android: Android, tmp_path: Path, kept: int
) -> None:
    """The lab uses every whole line, and continues."""
    before = dict(android.settings)
    prepared(android, tmp_path)
    path = tmp_path / "devices/care.json"
    whole = path.read_bytes()
    lines = whole[:kept].decode().splitlines()
    complete = [line for line in lines if line.endswith("}") or line.endswith("},")]
    path.write_bytes(whole[:kept])

    restored = put_back(android, tmp_path)

    assert f"is damaged: {len(complete)} settings" in restored.told[0]
    assert len(restored.undone) == len(complete)
    assert (tmp_path / "devices/care.damaged.json").read_bytes() == whole[:kept]
    assert journalled(tmp_path) == []
    assert put_back(android, tmp_path) == Restored()
    if kept == 1200:
        assert android.settings["global/stay_on_while_plugged_in"] == before["global/stay_on_while_plugged_in"]


def test_without_room_for_the_journal_nothing_is_changed(android: Android, small_disk: Path) -> None:
    """The lab does not write a setting that it could not note."""
    before = android.state()
    with (small_disk / "full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 65536)

    with pytest.raises(DiskFull, match="note what was changed on a device"):
        prepared(android, small_disk)
    assert android.state() == before


def test_a_journal_that_cannot_be_read_stops_the_lab(android: Android, tmp_path: Path) -> None:
    """The journal may list settings to put back."""
    (tmp_path / "devices/care.json").mkdir(parents=True)
    before = android.state()

    with pytest.raises(StoreError, match="It says what to restore on devices"):
        prepared(android, tmp_path)
    assert android.state() == before


def test_two_devices_share_the_journal_and_not_its_entries(android: Android, tmp_path: Path) -> None:
    """Restoring one device keeps the other's entries."""
    other = Android(tmp_path / "none")
    second = fake_device(other)
    second = dataclasses.replace(second, identity=dataclasses.replace(second.identity, name="other"))
    prepared(android, tmp_path)
    prepare(second, "observe", tmp_path, sleep=lambda seconds: None)

    put_back(android, tmp_path)

    assert {one["device"] for one in journalled(tmp_path)} == {"other"}
    assert android.settings == AS_BOUGHT and other.settings != AS_BOUGHT
    restore(second, tmp_path)
    assert (other.settings, journalled(tmp_path)) == (AS_BOUGHT, [])
