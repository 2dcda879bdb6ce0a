"""A phone that is reached in two ways has two names: what was changed under one is put back under the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device.care.prepare import prepare
from lab.device.care.restore import Restored, left, restore
from lab.device.fake.phone import fake_device
from lab.device.transport import Completed, Device
from lab.errors import DeviceLost
from tests.lab.device.care.android_phone import AS_BOUGHT, SECURITY, Android, as_bought, journalled

SERIAL, ADDRESS = "R58N12ABC", "192.168.0.5:5555"
"""The names of one phone: by cable, and by Wi-Fi while the cable is in too."""


@pytest.fixture
def android(tmp_path: Path) -> Android:
    """A phone as bought, with a serial of its own."""
    return numbered(tmp_path, SERIAL)


def numbered(folder: Path, serialno: str) -> Android:
    """Return a phone as bought, with this serial."""
    phone = as_bought(folder)
    phone.serialno = serialno
    return phone


def called(phone: Android, name: str) -> Device:
    """Return the phone under a name."""
    device = fake_device(phone)
    return replace(device, identity=replace(device.identity, name=name))


def prepared(phone: Android, name: str, root: Path) -> None:
    """Prepare the phone under a name."""
    prepare(called(phone, name), "observe", root, sleep=lambda seconds: None)


def put_back(phone: Android, name: str, root: Path) -> Restored:
    """Restore the phone under a name."""
    return restore(called(phone, name), root, sleep=lambda seconds: None)


@pytest.mark.parametrize(("then", "now"), [(ADDRESS, SERIAL), (SERIAL, ADDRESS)])
def test_what_was_changed_under_one_name_is_put_back_under_the_other(
    android: Android, tmp_path: Path, then: str, now: str
) -> None:
    """The phone's own serial tells that it is the same."""
    before = android.state()
    prepared(android, then, tmp_path)  # and the lab is killed
    assert len(left(called(android, now), tmp_path)) > 5

    restored = put_back(android, now, tmp_path)

    assert (android.state(), restored.told, journalled(tmp_path)) == (before, (), [])


def test_the_next_run_under_the_other_name_finds_the_phone_as_its_owner_left_it(
    android: Android, tmp_path: Path
) -> None:
    """What a lab left under Wi-Fi is never taken by cable for what the owner had set."""
    prepared(android, ADDRESS, tmp_path)

    found = prepare(called(android, SERIAL), "observe", tmp_path, sleep=lambda seconds: None)

    brightness = next(one for one in found.settings if one.name == "screen_brightness")
    assert (brightness.before, brightness.outcome) == ("102", "applied")


def test_a_setting_that_could_not_be_put_back_under_one_name_keeps_one_entry(
    android: Android, tmp_path: Path
) -> None:
    """Prepared again under the other name, what was there before the first time is what counts."""
    prepared(android, ADDRESS, tmp_path)
    android.answers = lambda line, does: (
        Completed(255, "", SECURITY) if line == "settings put system screen_brightness 102" else does()
    )
    prepared(android, SERIAL, tmp_path)
    android.answers = lambda line, does: does()

    entries = [one for one in journalled(tmp_path) if one["setting"] == "screen_brightness"]
    assert [one["before"] for one in entries] == ["102"]
    assert put_back(android, SERIAL, tmp_path).pending == ()
    assert android.settings == AS_BOUGHT


def test_an_address_that_another_phone_has_today_says_nothing_of_it(android: Android, tmp_path: Path) -> None:
    """Where both serials are known they decide, and the entries wait for their own phone."""
    prepared(android, ADDRESS, tmp_path)
    other = numbered(tmp_path / "other", "R58N99XYZ")
    before = other.state()

    assert put_back(other, ADDRESS, tmp_path) == Restored()

    assert other.state() == before
    assert put_back(android, SERIAL, tmp_path).pending == ()
    assert android.settings == AS_BOUGHT


@pytest.mark.parametrize("serialno", ["", "0123456789ABCDEF"])
def test_a_serial_that_many_phones_have_tells_none_of_them(tmp_path: Path, serialno: str) -> None:
    """Then the name alone says which phone an entry is of."""
    one, other = numbered(tmp_path / "one", serialno), numbered(tmp_path / "other", serialno)
    prepared(one, "10.0.0.1:5555", tmp_path)
    before = other.state()

    assert put_back(other, "10.0.0.2:5555", tmp_path) == Restored()

    assert other.state() == before
    assert put_back(one, "10.0.0.1:5555", tmp_path).pending == ()


def test_a_journal_without_serials_is_put_back_by_name(android: Android, tmp_path: Path) -> None:
    """Older labs wrote the name alone, which is the serial of a phone on a cable."""
    before = android.state()
    prepared(android, SERIAL, tmp_path)
    old = [{name: value for name, value in one.items() if name != "serialno"} for one in journalled(tmp_path)]
    (tmp_path / "devices/care.json").write_text(json.dumps(old))

    assert put_back(android, ADDRESS, tmp_path).told == ()
    assert (android.state(), journalled(tmp_path)) == (before, [])


def test_a_phone_that_is_away_is_asked_for_nothing_of_others(android: Android, tmp_path: Path) -> None:
    """Nobody is told of a device that left nothing changed under its name."""
    prepared(android, ADDRESS, tmp_path)

    def away(line: str, does: object) -> Completed:
        raise DeviceLost("fake: not attached")

    android.answers = away

    assert put_back(android, "another", tmp_path) == Restored()
    assert len(put_back(android, ADDRESS, tmp_path).pending) > 5
