"""Care: a device is prepared, what became of each setting is proven, and all is put back whatever happens."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.device import local
from lab.device.care.prepare import Prepared, Setting, facts, prepare
from lab.device.care.restore import Restored, restore
from lab.device.care.settings import OBSERVE, limits, pinned_khz, pins, throttled
from lab.device.fake.phone import FakePhone, fake_device
from lab.device.transport import Completed
from lab.errors import DeviceLost, DeviceRefused, DiskFull, StoreError
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


# --- what is set, proven, and put back -------------------------------------------------------------------


def test_a_phone_is_prepared_and_put_back(android: Android, tmp_path: Path) -> None:
    """What was not set before is not set again afterwards, and the screen that was off is off."""
    before = android.state()

    found = prepared(android, tmp_path)

    assert {one.outcome for one in found.values()} == {"applied", "already"}
    assert found["low_power"].outcome == "already"
    assert found["screen_brightness"] == Setting("screen_brightness", "1", "102", "1", "applied", "", drifts=True)
    assert android.awake and not android.doze
    assert android.settings["global/animator_duration_scale"] == "0"
    restored = put_back(android, tmp_path)
    assert android.state() == before
    assert set(restored.undone) == set(found) - {"low_power"}
    assert (restored.told, restored.pending, journalled(tmp_path)) == ((), (), [])


def test_the_journal_is_on_the_disk_before_the_first_write(android: Android, tmp_path: Path) -> None:
    """Each setting's own entry, with what was there, in which boot, when, and which lab."""
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


def test_a_refused_setting_says_why_and_the_others_go_on(android: Android, tmp_path: Path) -> None:
    """Some ROMs ask for a second switch before shells may write."""

    def refuses(line: str, does: Callable[[], Completed]) -> Completed:
        denied = Completed(255, "", f"\nException occurred while executing 'put':\n{SECURITY}\n")
        return denied if line.startswith("settings put system") else does()

    android.answers = refuses
    found = prepared(android, tmp_path)

    assert (found["screen_brightness"].outcome, found["screen_brightness"].detail) == ("refused", SECURITY)
    assert found["stay_on_while_plugged_in"].outcome == "applied"
    assert put_back(android, tmp_path).told == ()


@pytest.mark.parametrize(
    ("reads", "outcome", "after"),
    [("102", "refused", "102"), ("10", "unverifiable", "10")],
    ids=["nothing was done", "something else was done"],
)
def test_what_is_read_back_counts_not_what_is_said(
    android: Android, tmp_path: Path, reads: str, outcome: str, after: str
) -> None:
    """A success that changed nothing is none; what the phone made of a value is put back too."""

    def lies(line: str, does: Callable[[], Completed]) -> Completed:
        if line == "settings put system screen_brightness 1":
            android.settings["system/screen_brightness"] = reads
            return Completed(0, "", "")
        return does()

    android.answers = lies
    found = prepared(android, tmp_path)["screen_brightness"]

    assert (found.outcome, found.after) == (outcome, after)
    assert reads in found.detail
    assert put_back(android, tmp_path).told == ()
    assert android.settings["system/screen_brightness"] == "102"


def test_a_command_that_hangs_is_asked_once(android: Android, tmp_path: Path) -> None:
    """The phone answers otherwise, so it is not away; the deadline is paid a single time."""
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
    """Whether it took effect is not known; the journal knows that it may have."""

    def hangs(line: str, does: Callable[[], Completed]) -> Completed:
        done = does()
        if line == "cmd deviceidle disable":
            raise DeviceLost("`cmd` did not end within 20 s, and was killed")
        return done

    android.answers = hangs
    assert prepared(android, tmp_path)["doze"].outcome == "applied"  # dumpsys says so

    assert put_back(android, tmp_path).pending == ()
    assert android.doze


def test_a_device_without_android_is_told_apart_from_one_that_is_away(tmp_path: Path) -> None:
    """Nothing is there to be set; every setting says so, and nothing is written."""
    phone = FakePhone({})
    found = prepare(fake_device(phone), "observe", tmp_path)

    assert {one.outcome for one in found.settings} == {"refused"}
    assert not [line for line in phone.journal if "put" in line]
    assert phone.journal.count("shell settings get system screen_brightness_mode") == 0  # it was missing before


def test_this_machine_is_never_changed(tmp_path: Path) -> None:
    """A host has no settings, and no other profile than `observe`."""
    assert prepare(local.connect(), "observe", tmp_path) == Prepared(())
    assert restore(local.connect(), tmp_path) == Restored()
    for profile in ("fixed", "rooted"):
        with pytest.raises(DeviceRefused, match="the lab never changes this machine; use `observe`"):
            prepare(local.connect(), profile, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_facts_say_what_was_in_force() -> None:
    """Not who put it there; a value that moves by itself is left out where it was not held."""
    settings = (
        Setting("low_power", "0", "0", "0", "already"),
        Setting("window_animation_scale", "0", "1.0", "0.0", "applied"),
        Setting("screen_off_timeout", "1800000", "60000", "60000", "refused", SECURITY),
        Setting("screen_brightness", "1", "87", "87", "refused", SECURITY, drifts=True),
        Setting("doze", "off", "", "", "unverifiable", "hung"),
    )

    assert facts(Prepared(settings)) == {
        "care_low_power": "applied 0",
        "care_window_animation_scale": "applied 0",
        "care_screen_off_timeout": "refused 60000",
        "care_screen_brightness": "refused",
        "care_doze": "unverifiable",
    }


# --- whatever happens in between ----------------------------------------------------------------------------


def commands(phone: Android, does: Callable[[], object]) -> int:
    """How many commands it takes."""
    before = phone.asked
    does()
    return phone.asked - before


@pytest.mark.parametrize("dies_before", [True, False], ids=["before it happened", "after"])
@pytest.mark.parametrize("profile", ["observe", "fixed", "rooted"])
def test_a_lab_killed_between_any_two_steps_leaves_nothing_behind(
    android: Android, tmp_path: Path, profile: Profile, dies_before: bool
) -> None:
    """At every command of preparing and of putting back, the next contact finds what is to be done."""
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
    """A phone that makes 10 of a brightness of 1 is not taken for somebody else."""
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
    """Kill a lab at each of its commands; the next contact leaves the phone as it was, and tells nothing."""
    for step in range(1, takes + 1):
        phone.asked, phone.lives = 0, step
        with pytest.raises(Killed):
            ready(phone, root, profile)
            put_back(phone, root)
        phone.lives = None

        told = put_back(phone, root).told

        assert (phone.state(), told, journalled(root)) == (before, (), []), step


def test_a_journal_of_an_older_lab_is_put_back(android: Android, tmp_path: Path) -> None:
    """It does not say what was read back: what reads neither as before nor as written is somebody else's."""
    prepared(android, tmp_path)
    path = tmp_path / "devices/care.json"
    old = [{name: value for name, value in one.items() if name != "proven"} for one in journalled(tmp_path)]
    path.write_text(json.dumps(old))
    android.settings["system/screen_brightness"] = "200"

    told = put_back(android, tmp_path).told

    assert len(told) == 1 and "somebody else changed it since" in told[0]
    assert android.settings == AS_BOUGHT | {"system/screen_brightness": "200"}


def test_the_next_lab_finds_the_phone_as_its_owner_left_it(android: Android, tmp_path: Path) -> None:
    """Preparing puts back first, so what a crashed lab wrote is never taken for the owner's."""
    before = android.state()
    prepared(android, tmp_path)

    found = prepared(android, tmp_path)  # nobody restored

    assert found["screen_brightness"].before == "102"
    assert put_back(android, tmp_path).pending == ()
    assert android.state() == before


def test_a_device_that_is_away_is_put_back_when_it_is_there(android: Android, tmp_path: Path) -> None:
    """The journal stays, the owner hears of it, and nothing is raised."""
    before = android.state()
    prepared(android, tmp_path)

    def away(line: str, does: Callable[[], Completed]) -> Completed:
        raise DeviceLost("fake: not attached")

    android.answers = away
    restored = put_back(android, tmp_path)

    assert len(restored.pending) == len(journalled(tmp_path)) > 5
    assert "fake: not attached" in restored.told[0]
    assert "`lab devices restore fake`" in restored.told[-1]
    android.answers = lambda line, does: does()
    assert put_back(android, tmp_path).pending == ()
    assert android.state() == before


def test_a_device_that_goes_away_in_between_is_half_put_back(android: Android, tmp_path: Path) -> None:
    """What was put back is forgotten, the rest is not."""
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


def test_what_somebody_else_changed_is_left_alone_and_told(android: Android, tmp_path: Path) -> None:
    """Their brightness is not ours to put back."""
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
    """Doze and the screen are the new boot's own; settings are kept on the phone's disk."""
    prepared(android, tmp_path)
    android.reboot()
    android.answers = lambda line, does: pytest.fail(line) if line.startswith(("input", "cmd")) else does()

    restored = put_back(android, tmp_path)

    assert android.settings == AS_BOUGHT
    assert (restored.told, journalled(tmp_path)) == ((), [])


def test_a_boot_that_cannot_be_told_is_no_other_one(android: Android, tmp_path: Path) -> None:
    """What only a reboot undoes is looked at when the phone does not say which boot it is in, and put back."""
    before = android.state()
    prepared(android, tmp_path, "fixed")

    def unsaid(line: str, does: Callable[[], Completed]) -> Completed:
        return Completed(137, "", "Killed") if "boot_id" in line else does()

    android.answers = unsaid
    restored = put_back(android, tmp_path)

    assert {"doze", "wakefulness", "fixed_performance"} <= set(restored.undone)
    assert (android.state(), restored.told, journalled(tmp_path)) == (before, (), [])


def test_a_boot_that_could_not_be_told_is_looked_at_in_the_next(android: Android, tmp_path: Path) -> None:
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
    """The entry stays until the phone reads what it was; what is prepared meanwhile does not overwrite it."""
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


@pytest.mark.parametrize("kept", [0, 1, 400, 1200], ids=lambda kept: f"{kept} bytes")
def test_a_cut_journal_is_told_kept_aside_and_read_as_far_as_it_goes(
    android: Android, tmp_path: Path, kept: int
) -> None:
    """Every whole line still counts, and the lab goes on."""
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


def test_a_journal_line_that_is_somebody_elses_runs_nothing(android: Android, tmp_path: Path) -> None:
    """A setting of a later version, or a path where a name belongs, is told and kept; no command is made of it."""
    prepared(android, tmp_path)
    put_back(android, tmp_path)
    path = tmp_path / "devices/care.json"
    entry = {"device": "fake", "setting": "policy0_../../x", "before": "1", "wrote": ["0"]}
    path.write_text(json.dumps([entry | {"boot_id": "boot-1", "at_utc": "now", "lab": "other"}]))
    android.answers = lambda line, does: does() if re.search("boot_id|serialno", line) else pytest.fail(line)

    restored = put_back(android, tmp_path)

    assert restored.pending == ("policy0_../../x",)
    assert "this version of the lab does not know policy0_../../x; it was 1" in restored.told[0]


def test_without_room_for_the_journal_nothing_is_changed(android: Android, small_disk: Path) -> None:
    """A setting that could not be noted is not written."""
    before = android.state()
    with (small_disk / "full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 65536)

    with pytest.raises(DiskFull, match="note what was changed on a device"):
        prepared(android, small_disk)
    assert android.state() == before


def test_a_journal_that_cannot_be_read_stops_the_lab(android: Android, tmp_path: Path) -> None:
    """It may hold what is to be put back."""
    (tmp_path / "devices/care.json").mkdir(parents=True)
    before = android.state()

    with pytest.raises(StoreError, match="It says what to restore on devices"):
        prepared(android, tmp_path)
    assert android.state() == before


def test_two_devices_share_the_journal_and_not_its_entries(android: Android, tmp_path: Path) -> None:
    """Putting one back says nothing of the other."""
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


# --- clocks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("highest", "offered", "pinned"),
    [
        (3_250_000, [3_250_000, 2_800_000, 2_350_000, 1_900_000, 1_450_000, 1_000_000], 1_900_000),  # 58 %
        (2_000_000, [2_000_000, 1_400_000, 1_000_000], 1_400_000),  # 50 and 70 %: as near, the first offered
        (1_000_000, [1_000_000, 200_000], 600_000),  # none within: the kernel rounds
        (1_000_000, [], 600_000),
    ],
)
def test_clocks_are_pinned_between_half_and_seven_tenths(highest: int, offered: list[int], pinned: int) -> None:
    """Nearest to 60 % of the highest, of what the policy offers."""
    assert pinned_khz(highest, offered) == pinned


@pytest.mark.parametrize(
    ("low", "high", "first"),
    [("1000000", "3250000", "max"), ("1000000", "1450000", "max"), ("2350000", "3250000", "min")],
    ids=["within", "above the maximum", "below the minimum"],
)
def test_pins_never_cross(android: Android, tmp_path: Path, low: str, high: str, first: str) -> None:
    """The kernel takes no minimum above its maximum, on the way there and back."""
    android.uid = 0
    policy = android.sys / "devices/system/cpu/cpufreq/policy7"
    (policy / "scaling_min_freq").write_text(f"{low}\n")
    (policy / "scaling_max_freq").write_text(f"{high}\n")
    before = android.nodes()

    found = prepared(android, tmp_path, "rooted")

    pinned = [one for one in found.values() if one.name.startswith("policy7")]
    assert next(one.name for one in pinned) == f"policy7_scaling_{first}_freq"
    assert {(one.name, one.after, one.outcome) for one in pinned} == {
        ("policy7_scaling_min_freq", "1900000", "applied"),
        ("policy7_scaling_max_freq", "1900000", "applied"),
        ("policy7_scaling_governor", "performance", "applied"),
    }
    assert put_back(android, tmp_path).told == ()
    assert android.nodes() == before


def test_a_pin_that_is_overridden_within_seconds_is_not_applied(android: Android, tmp_path: Path) -> None:
    """A vendor's service raises the maximum again: read back at once it held, sampled it does not."""
    android.uid = 0
    node = android.sys / "devices/system/cpu/cpufreq/policy7/scaling_max_freq"

    def overrides(line: str, does: Callable[[], Completed]) -> Completed:
        if "while" in line:
            node.write_text("2800000\n")
        return does()

    android.answers = overrides
    found = prepared(android, tmp_path, "rooted")

    assert found["policy7_scaling_min_freq"].outcome == "applied"
    assert found["policy7_scaling_max_freq"].outcome == "unverifiable"
    assert found["policy7_scaling_max_freq"].detail == "1900000 was written, and within seconds it read 2800000"


def test_a_maximum_that_heat_had_cut_is_not_put_back(android: Android, tmp_path: Path) -> None:
    """The owner never asked for it: the phone gets its highest clock again when it has cooled."""
    android.uid = 0
    (android.sys / "class/thermal/cooling_device0/cur_state").write_text("2\n")
    node = android.sys / "devices/system/cpu/cpufreq/policy7/scaling_max_freq"
    node.write_text("2350000\n")
    prepared(android, tmp_path, "rooted")

    assert put_back(android, tmp_path).told == ()
    assert node.read_text() == "3250000\n"


def test_without_root_nothing_is_pinned_and_the_refusal_says_what_was_tried(
    android: Android, tmp_path: Path
) -> None:
    """Before anything was changed."""
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


def test_the_last_looks_at_the_limits_count() -> None:
    """Limits that moved while the phone took the mode on are forgotten; those that still move are none."""
    settled = "\n".join(f"{look} policy0 {600 if look < 4 else 1700} 1700" for look in range(8))
    moving = "\n".join(f"{look} policy4 1700 {1700 + look}" for look in range(8))

    assert limits(f"{settled}\n{moving}\nsh: error\n") == {"policy0": (1700, 1700), "policy4": None}
    assert limits("") == {}


def test_a_survey_that_lacks_things_pins_what_it_can() -> None:
    """A policy without its highest clock is left alone; heat is seen by a cooling device of the CPU alone."""
    root = "policy0 cpuinfo_max_freq \npolicy0 scaling_min_freq 1\n"
    assert pins(root, lambda script: (script,)) == ()
    assert not throttled("cooling lcd-backlight 3\ncooling cpufreq-cpu0 0\n")
    assert throttled("cooling cpufreq-cpu0 1\n")


def test_every_setting_has_a_source_and_none_cuts_the_link() -> None:
    """Adb over Wi-Fi must live, and nothing is faked."""
    lines = [" ".join(knob.write(value)) for knob in OBSERVE for value in (knob.wanted, "null")]
    words = ("airplane", "wifi", "override-status", "battery", "thermald", "suspend_input")

    assert not [line for line in lines for word in words if word in line]
    assert all(knob.source for knob in OBSERVE)
    assert len({knob.name for knob in OBSERVE}) == len(OBSERVE)
