"""Restoring: a device gets its owner's settings back, whatever happened since the lab changed them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.device.care.prepare import prepare
from lab.device.care.restore import Restored, changed_elsewhere, left, restore, still_changed
from lab.device.fake.phone import fake_device
from lab.device.transport import Completed, Device
from lab.errors import DeviceLost
from lab.records import Profile
from tests.lab.device.care.android_phone import (
    AS_BOUGHT,
    SECURITY,
    Android,
    Killed,
    as_bought,
    hide_clocks,
    journalled,
    prepared,
    put_back,
    ready,
)


@pytest.fixture
def android(tmp_path: Path) -> Android:
    """A phone as bought."""
    return as_bought(tmp_path)


def commands(phone: Android, does: Callable[[], object]) -> int:
    """Return how many commands something takes."""
    before = phone.asked
    does()
    return phone.asked - before


@pytest.mark.parametrize("dies_before", [True, False], ids=["before it happened", "after"])
@pytest.mark.parametrize("profile", ["observe", "fixed", "rooted"])
def test_a_lab_killed_between_any_two_steps_leaves_nothing_behind(
    android: Android, tmp_path: Path, profile: Profile, dies_before: bool
) -> None:
    """Killed at any command of preparing or restoring, it leaves the next contact all it needs to restore."""
    android.uid = 0
    if profile == "fixed":
        hide_clocks(android)
    before = android.state()
    takes = commands(android, lambda: ready(android, tmp_path, profile))
    takes += commands(android, lambda: put_back(android, tmp_path))
    assert takes > 40
    android.dies_before = dies_before
    killed_at_every_step(android, tmp_path, profile, takes, before)


@pytest.mark.parametrize("dies_before", [True, False], ids=["before it happened", "after"])
def test_a_value_that_a_killed_lab_never_read_back_is_put_back(
    android: Android, tmp_path: Path, dies_before: bool
) -> None:
    """When a phone turns a brightness of 1 into 10, the 10 does not count as somebody else's change."""
    before = android.state()
    android.answers = dims_to_ten(android)
    takes = commands(android, lambda: ready(android, tmp_path)) + commands(
        android, lambda: put_back(android, tmp_path)
    )
    android.dies_before = dies_before
    killed_at_every_step(android, tmp_path, "observe", takes, before)


def dims_to_ten(phone: Android) -> Callable[[str, Callable[[], Completed]], Completed]:
    """Answer like a phone whose screen gets no darker than 10."""

    def floors(line: str, does: Callable[[], Completed]) -> Completed:
        done = does()
        if line == "settings put system screen_brightness 1":
            phone.settings["system/screen_brightness"] = "10"
        return done

    return floors


def killed_at_every_step(phone: Android, root: Path, profile: Profile, takes: int, before: object) -> None:
    """Kill a lab at each of its commands; check that the next contact silently restores the phone."""
    for step in range(1, takes + 1):
        phone.asked, phone.lives = 0, step
        with pytest.raises(Killed):
            ready(phone, root, profile)
            put_back(phone, root)
        phone.lives = None

        told = put_back(phone, root).told

        assert (phone.state(), told, journalled(root)) == (before, (), []), step


def test_a_device_that_is_away_is_put_back_when_it_is_there(android: Android, tmp_path: Path) -> None:
    """The journal keeps its entries, the owner gets a message, and nothing is raised."""
    before = android.state()
    prepared(android, tmp_path)

    def away(line: str, does: Callable[[], Completed]) -> Completed:
        raise DeviceLost("fake: not attached")

    android.answers = away
    restored = put_back(android, tmp_path)

    assert len(restored.pending) == len(journalled(tmp_path)) > 5
    assert "fake: not attached" in restored.told[0]
    assert "`lab devices restore fake`" in restored.told[-1]
    assert restored.told[-1] == f"fake: {still_changed(tmp_path, 'fake')}"
    assert changed_elsewhere(tmp_path, {"another"}) == [f"fake: not attached; {still_changed(tmp_path, 'fake')}"]
    assert changed_elsewhere(tmp_path, {"fake"}) == []
    android.answers = lambda line, does: does()
    assert put_back(android, tmp_path).pending == ()
    assert android.state() == before


def test_a_device_that_goes_away_in_between_is_half_put_back(android: Android, tmp_path: Path) -> None:
    """The journal drops what was put back, and keeps the rest."""
    before = android.state()
    prepared(android, tmp_path)

    def goes(line: str, does: Callable[[], Completed]) -> Completed:
        if android.settings["system/screen_off_timeout"] == "60000":
            raise DeviceLost("fake: unplugged")
        return does()

    android.answers = goes
    restored = put_back(android, tmp_path)

    assert "doze" in restored.undone and "stay_on_while_plugged_in" in restored.pending
    assert {str(one["setting"]) for one in journalled(tmp_path)} == set(restored.pending)
    android.answers = lambda line, does: does()
    put_back(android, tmp_path)
    assert android.state() == before


def test_what_somebody_else_changed_is_left_alone_and_reported(android: Android, tmp_path: Path) -> None:
    """We must not change their brightness."""
    prepared(android, tmp_path)
    android.settings["system/screen_brightness"] = "200"

    restored = put_back(android, tmp_path)

    assert android.settings["system/screen_brightness"] == "200"
    assert android.settings["system/screen_off_timeout"] == "60000"
    assert restored.told == (
        "fake: screen_brightness reads 200, and the lab had set it to 1: somebody else changed it since, "
        "so the lab leaves it alone (it was 102)",
    )
    assert journalled(tmp_path) == []


def test_a_reboot_undoes_some_and_the_rest_is_put_back(android: Android, tmp_path: Path) -> None:
    """Doze and the screen belong to the new boot; settings survive on the phone's disk."""
    prepared(android, tmp_path)
    android.reboot()
    android.answers = lambda line, does: pytest.fail(line) if line.startswith(("input", "cmd")) else does()

    restored = put_back(android, tmp_path)

    assert android.settings == AS_BOUGHT
    assert (restored.told, journalled(tmp_path)) == ((), [])


def test_an_unknown_boot_does_not_count_as_another_one(android: Android, tmp_path: Path) -> None:
    """Without a boot id, even settings that a reboot would undo are checked and put back."""
    before = android.state()
    prepared(android, tmp_path, "fixed")

    def unsaid(line: str, does: Callable[[], Completed]) -> Completed:
        return Completed(137, "", "Killed") if "boot_id" in line else does()

    android.answers = unsaid
    restored = put_back(android, tmp_path)

    assert {"doze", "wakefulness", "fixed_performance"} <= set(restored.undone)
    assert (android.state(), restored.told, journalled(tmp_path)) == (before, (), [])


def test_an_entry_of_an_unknown_boot_is_checked_in_the_next(android: Android, tmp_path: Path) -> None:
    """An entry that does not name its boot is put back like one of this boot."""
    before = android.state()

    def unsaid(line: str, does: Callable[[], Completed]) -> Completed:
        return Completed(137, "", "Killed") if "boot_id" in line else does()

    android.answers = unsaid
    prepared(android, tmp_path)
    android.answers = lambda line, does: does()

    assert put_back(android, tmp_path).told == ()
    assert android.state() == before


def test_a_phone_that_refuses_to_be_put_back_is_asked_again(android: Android, tmp_path: Path) -> None:
    """The entry stays until the old value is read back; preparing meanwhile does not overwrite it."""
    prepared(android, tmp_path)

    def refuses(line: str, does: Callable[[], Completed]) -> Completed:
        return Completed(255, "", SECURITY) if line == "settings put system screen_brightness 102" else does()

    android.answers = refuses
    restored = put_back(android, tmp_path)
    assert restored.pending == ("screen_brightness",)
    assert restored.told[0] == f"fake: screen_brightness could not be put back to 102: {SECURITY}"
    again = ready(android, tmp_path)
    assert restored.told[0] in again.told

    android.answers = lambda line, does: does()
    assert put_back(android, tmp_path).pending == ()
    assert android.settings == AS_BOUGHT


def test_a_journal_line_that_is_somebody_elses_runs_nothing(android: Android, tmp_path: Path) -> None:
    """A setting of a later version, or a path in place of a name, is reported and kept; no command uses it."""
    prepared(android, tmp_path)
    put_back(android, tmp_path)
    path = tmp_path / "devices/care.json"
    entry = {"device": "fake", "setting": "policy0_../../x", "before": "1", "wrote": ["0"]}
    path.write_text(json.dumps([entry | {"boot_id": "boot-1", "at_utc": "now", "lab": "other"}]))
    android.answers = lambda line, does: does() if re.search("boot_id|serialno", line) else pytest.fail(line)

    restored = put_back(android, tmp_path)

    assert restored.pending == ("policy0_../../x",)
    assert "this version of the lab does not know policy0_../../x; it was 1" in restored.told[0]


def test_a_maximum_that_heat_had_cut_is_not_put_back(android: Android, tmp_path: Path) -> None:
    """The owner never set it: the phone gets its highest clock back."""
    android.uid = 0
    (android.sys / "class/thermal/cooling_device0/cur_state").write_text("2\n")
    node = android.sys / "devices/system/cpu/cpufreq/policy7/scaling_max_freq"
    node.write_text("2350000\n")
    prepared(android, tmp_path, "rooted")

    assert put_back(android, tmp_path).told == ()
    assert node.read_text() == "3250000\n"


SERIAL, ADDRESS = "R58N12ABC", "192.168.0.5:5555"
"""The names of one phone: by cable, and by Wi-Fi while the cable is in too."""


@pytest.fixture
def twice_named(tmp_path: Path) -> Android:
    """A phone as bought, with a serial of its own."""
    return numbered(tmp_path, SERIAL)


def numbered(folder: Path, serialno: str) -> Android:
    """Return a phone as bought, with this serial."""
    phone = as_bought(folder)
    phone.serialno = serialno
    return phone


def called(phone: Android, name: str) -> Device:
    """Return the phone as a device with a name."""
    device = fake_device(phone)
    return replace(device, identity=replace(device.identity, name=name))


def prepared_as(phone: Android, name: str, root: Path) -> None:
    """Prepare the phone under a name."""
    prepare(called(phone, name), "observe", root, sleep=lambda seconds: None)


def put_back_as(phone: Android, name: str, root: Path) -> Restored:
    """Restore the phone under a name."""
    return restore(called(phone, name), root, sleep=lambda seconds: None)


@pytest.mark.parametrize(("then", "now"), [(ADDRESS, SERIAL), (SERIAL, ADDRESS)])
def test_what_was_changed_under_one_name_is_put_back_under_the_other(
    twice_named: Android, tmp_path: Path, then: str, now: str
) -> None:
    """The phone's own serial shows that it is the same phone."""
    before = twice_named.state()
    prepared_as(twice_named, then, tmp_path)  # and the lab is killed
    assert len(left(called(twice_named, now), tmp_path)) > 5

    restored = put_back_as(twice_named, now, tmp_path)

    assert (twice_named.state(), restored.told, journalled(tmp_path)) == (before, (), [])


def test_the_next_run_under_the_other_name_finds_the_phone_as_its_owner_left_it(
    twice_named: Android, tmp_path: Path
) -> None:
    """A value that a lab left under the Wi-Fi name does not count as the owner's by cable."""
    prepared_as(twice_named, ADDRESS, tmp_path)

    found = prepare(called(twice_named, SERIAL), "observe", tmp_path, sleep=lambda seconds: None)

    brightness = next(one for one in found.settings if one.name == "screen_brightness")
    assert (brightness.before, brightness.outcome) == ("102", "applied")


def test_a_setting_that_could_not_be_put_back_under_one_name_keeps_one_entry(
    twice_named: Android, tmp_path: Path
) -> None:
    """Preparing again under the other name keeps the value from before the first time."""
    prepared_as(twice_named, ADDRESS, tmp_path)
    twice_named.answers = lambda line, does: (
        Completed(255, "", SECURITY) if line == "settings put system screen_brightness 102" else does()
    )
    prepared_as(twice_named, SERIAL, tmp_path)
    twice_named.answers = lambda line, does: does()

    entries = [one for one in journalled(tmp_path) if one["setting"] == "screen_brightness"]
    assert [one["before"] for one in entries] == ["102"]
    assert put_back_as(twice_named, SERIAL, tmp_path).pending == ()
    assert twice_named.settings == AS_BOUGHT


def test_an_address_that_another_phone_has_today_says_nothing_of_it(twice_named: Android, tmp_path: Path) -> None:
    """Where both serials are known they decide, and the entries wait for their own phone."""
    prepared_as(twice_named, ADDRESS, tmp_path)
    other = numbered(tmp_path / "other", "R58N99XYZ")
    before = other.state()

    assert put_back_as(other, ADDRESS, tmp_path) == Restored()

    assert other.state() == before
    assert put_back_as(twice_named, SERIAL, tmp_path).pending == ()
    assert twice_named.settings == AS_BOUGHT


@pytest.mark.parametrize("serialno", ["", "0123456789ABCDEF"])
def test_a_serial_that_many_phones_have_tells_none_of_them(tmp_path: Path, serialno: str) -> None:
    """Then only the name says whose entry it is."""
    one, other = numbered(tmp_path / "one", serialno), numbered(tmp_path / "other", serialno)
    prepared_as(one, "10.0.0.1:5555", tmp_path)
    before = other.state()

    assert put_back_as(other, "10.0.0.2:5555", tmp_path) == Restored()

    assert other.state() == before
    assert put_back_as(one, "10.0.0.1:5555", tmp_path).pending == ()


def test_a_journal_without_serials_is_put_back_by_name(twice_named: Android, tmp_path: Path) -> None:
    """Older labs stored only the name, which is the serial for a phone on a cable."""
    before = twice_named.state()
    prepared_as(twice_named, SERIAL, tmp_path)
    old = [{name: value for name, value in one.items() if name != "serialno"} for one in journalled(tmp_path)]
    (tmp_path / "devices/care.json").write_text(json.dumps(old))

    assert put_back_as(twice_named, ADDRESS, tmp_path).told == ()
    assert (twice_named.state(), journalled(tmp_path)) == (before, [])


def test_a_phone_that_is_away_is_asked_for_nothing_of_others(twice_named: Android, tmp_path: Path) -> None:
    """A device without entries under its name gives no messages."""
    prepared_as(twice_named, ADDRESS, tmp_path)

    def away(line: str, does: object) -> Completed:
        raise DeviceLost("fake: not attached")

    twice_named.answers = away

    assert put_back_as(twice_named, "another", tmp_path) == Restored()
    assert len(put_back_as(twice_named, ADDRESS, tmp_path).pending) > 5
