"""The plan of a night: what is measured where, with which builds, and on which date."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.nightly.plan import date_in, devices_named, nightly_suite, planned_night, suite_of
from lab.records import Planned
from tests.lab.nightly.night_lab import NightLab


@pytest.mark.parametrize(
    ("zone", "utc", "date"),
    [
        ("UTC", "2026-11-29T23:59:59+00:00", "2026-11-29"),
        ("Asia/Shanghai", "2026-11-29T16:00:00Z", "2026-11-30"),
        ("America/New_York", "2026-11-30T04:59:00Z", "2026-11-29"),
        ("Europe/Berlin", "2026-03-29T00:59:00Z", "2026-03-29"),  # the hour that daylight saving skips
        ("Europe/Berlin", "2026-10-25T23:30:00Z", "2026-10-26"),  # 25 hours long
    ],
)
def test_a_night_is_a_date_in_the_suites_zone(zone: str, utc: str, date: str) -> None:
    """Not in the machine's, and not in UTC."""
    assert date_in(zone, utc) == date


def test_lines_and_anchor_are_measured_in_the_order_of_the_suite(tmp_path: Path) -> None:
    """The newest build of a line, and of the anchor always the first."""
    lab = NightLab(tmp_path, ("a", "b"), anchor=True)
    lab.new_build()
    lab.store.add_build(lab.builds[1].folder, "still")

    night, gone = lab.begin("2026-11-01")

    assert night.planned == (
        Planned("probe", "fake", "a", 1),
        Planned("probe", "fake", "b", 1),
        Planned("probe", "still", "a", 2, anchor=True),
        Planned("probe", "still", "b", 2, anchor=True),
    )
    assert {line: build.revision for line, build in night.builds.items()} == {"fake": 2, "still": 1}
    assert (night.date, night.budget_s, gone) == ("2026-11-01", 240 * 60, {})


def test_the_baseline_of_an_anchor_is_its_build(tmp_path: Path) -> None:
    """A person may choose another one than the first."""
    lab = NightLab(tmp_path, anchor=True)
    lab.new_build()
    lab.store.add_build(lab.builds[1].folder, "still")
    lab.store.set_baseline("still", lab.builds[1].id)

    assert lab.begin("2026-11-01")[0].builds["still"].revision == 2


def test_a_line_without_a_build_is_named(tmp_path: Path) -> None:
    """With the known one that it may be, and the command that adds a build."""
    lab = NightLab(tmp_path)
    path = tmp_path / "every.toml"
    path.write_text(path.read_text().replace('["fake"]', '["fakes"]'))

    with pytest.raises(ScenarioError, match=r"names the line fakes, .* did you mean 'fake'\? .*lab builds add"):
        lab.begin("2026-11-01")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["probe"]', '["prob"]', r"no prob\.toml beside it; did you mean 'probe'"),
        (
            "[plan]",
            "[cells]\nprobe = ['patches_per_batch=4']\n[plan]",
            r"no cell 'patches_per_batch=4'; did you mean",
        ),
        ("[plan]", "[cells]\nprobes = []\n[plan]", r"\[cells\] names 'probes', which is no scenario of the suite"),
        ("[nightly]", "[nightly]\nzone = 'Mars/Base'", "this machine knows no such time zone"),
        ("[nightly]", "[nightly]\nline = ['fake']", "unknown key 'line'; did you mean 'lines'"),
        ('[nightly]\nlines = ["fake"]', "", r"has no table \[nightly\], which names the lines"),
        ("[plan]", "[policy]\nleast = 3\n[plan]", r"least"),
        ("[nightly]", "[nightly]\nanchor = 'fake'", "the anchor is the same build every night; name a line"),
    ],
)
def test_a_suite_that_names_what_does_not_exist_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    """Before anything is measured, with file and key."""
    lab = NightLab(tmp_path)
    path = tmp_path / "every.toml"
    path.write_text(path.read_text().replace(old, new))

    with pytest.raises(ScenarioError, match=words):
        lab.begin("2026-11-01")


def test_a_resumed_night_keeps_the_suite_that_it_began_with(tmp_path: Path) -> None:
    """Also when the file says something else by now."""
    lab = NightLab(tmp_path)
    night, _ = lab.begin("2026-11-01")
    path = tmp_path / "every.toml"
    path.write_text(path.read_text().replace("blocks = 4", "blocks = 9"))

    assert suite_of(night, tmp_path)[0].plan == {"blocks": 4}
    assert nightly_suite(path)[0].plan == {"blocks": 9}


def test_this_machine_is_named_host(tmp_path: Path) -> None:
    """No adb server is needed for it."""
    lab = NightLab(tmp_path)

    assert devices_named(lab.store, "host", lambda words: None) == (["host"], {})
    assert planned_night(lab.store, tmp_path / "every.toml", ["host"], utc="2026-11-01T00:00:00Z")[0].planned


def test_a_choice_that_fits_nothing_is_no_device(tmp_path: Path) -> None:
    """The machine is measured, and nobody waits for a phone called `soc:MT0000`."""
    lab, told = NightLab(tmp_path), list[str]()

    names, away = devices_named(lab.store, "host, soc:MT0000", told.append)

    assert (names, away) == (["host"], {})
    assert any("left out: soc:MT0000" in words for words in told)
