"""Devices: which are healthy, which are not and why, and what each of them last said."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lab.device import health
from lab.device.vitals.lines import write
from lab.nightly.demo_world import DEVICES
from lab.records import Vitals
from lab.store import Store
from tests.dashboards.pages import shown, words
from tests.saved_checks import CHECKED
from tests.saved_runs import run_of, trial_of

HOSTILE = "<img src=x> `$(reboot)` :red[x]\n# big"


def column(at: AppTest, name: str, key: str = "state") -> list[str]:
    """Return a column, as text, of the first table that has a column named `key`."""
    table = next(each.value for each in at.dataframe if key in each.value.columns)
    return [str(each) for each in table[name]]


def kept(data: Path, device: str = "host") -> Path:
    """Save a run with a valid trial, an invalid one, and a self-check of a device; return the data root."""
    with closing(Store(data)) as store:
        run_id = run_of().id
        store.create_run(replace(run_of(), device=device))
        for number in (0, 1, 2):
            store.save_trial(run_id, trial_of(number, valid=number > 0))
        store.finish_run(run_id, "finished")
        store.save_selfcheck(replace(CHECKED, device=device))
    return data


def test_the_rack_has_a_row_for_each_device(rack: Path) -> None:
    """With its kind, its condition and why; the one that was silent leads."""
    at = shown(rack, "devices")

    assert not at.exception
    assert sorted(column(at, "device")) == sorted(DEVICES)
    assert set(column(at, "kind")) == {"simulated"}
    assert set(column(at, "sensors")) == {"never read"}
    assert set(column(at, "self-check")) == {"never"}
    assert column(at, "state")[0].endswith(("silent", "measured"))


def test_a_device_of_the_rack_shows_its_reference_and_its_peers(rack: Path) -> None:
    """Both charts say in words what they show, and the reference line is the first choice."""
    at = shown(rack, "devices", device="demo-phone-1")

    assert not at.exception
    assert "demo-fp32" in str(at.selectbox(key="series").value)
    said = words(at).replace("\\", "")
    assert "demo-phone-1, 20" in said
    assert "the median of its last" in said
    assert "Levels of devices are never averaged" in said


def test_a_device_without_nights_shows_its_runs_and_its_self_check(tmp_path: Path) -> None:
    """Nothing of nights is invented; what trials lost is counted by reason."""
    at = shown(kept(tmp_path / "data"), "devices", device="host")

    assert not at.exception
    said = words(at)
    assert "No night has measured it" in said
    assert "equal builds called changed: 0 of 1" in said
    assert column(at, "reason", "meaning") == ["wrong_output"]
    assert column(at, "run", "run") == [run_of().id]


def test_what_sensors_last_said_is_shown_with_its_run(tmp_path: Path) -> None:
    """From the files of the newest trials."""
    trial = kept(tmp_path / "data") / "runs" / run_of().id / "trials" / "0002"
    (trial / "after.jsonl").write_text(write(Vitals(boot_s=1.0, celsius={"battery": 31.5}, battery_level=80.0)))

    at = shown(tmp_path / "data", "devices", device="host")

    assert not at.exception
    assert "Sensors as last seen: battery 31.5 °C, charged to 80 % (run of 2026-01-01 00:00 UTC)" in words(at)


def test_a_quarantined_device_says_why_and_how_to_release_it(tmp_path: Path) -> None:
    """The command is there to copy."""
    data = kept(tmp_path / "data")
    for _ in range(health.PATIENCE):
        health.failed(data, "host", "the agent died")

    at = shown(data, "devices")

    assert column(at, "state") == ["⊘ quarantined"]
    assert "the last: the agent died. Mend that, then release it. ``lab devices release host``" in words(at)


def test_damaged_books_are_reported_and_hide_no_device(tmp_path: Path) -> None:
    """Neither the book of failures nor that of addresses."""
    folder = kept(tmp_path / "data") / "devices"
    folder.mkdir()
    for name in ("health", "addresses", "care"):
        (folder / f"{name}.json").write_text("{")

    at = shown(tmp_path / "data", "devices")

    assert not at.exception
    assert "Phones that are reached" not in words(at)
    assert "health.json is damaged" in words(at).replace("\\", "")
    assert column(at, "device") == ["host"]


def test_a_device_whose_newest_run_is_damaged_is_still_there(tmp_path: Path) -> None:
    """What only that run could say of it is unknown."""
    data = kept(tmp_path / "data")
    (data / "runs" / run_of().id / "run.json").write_text("{")

    for at in (shown(data, "devices"), shown(data, "devices", device="host")):
        assert not at.exception
        assert not at.error
    assert column(shown(data, "devices"), "model") == ["unknown"]


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    """No markup, no command and no second line comes from a device's name."""
    data = kept(tmp_path / "data", HOSTILE)
    health.failed(data, HOSTILE, "<script>")

    every, one = shown(data, "devices"), shown(data, "devices", device=HOSTILE)

    for at in (every, one):
        assert not at.exception
        for each in (*at.markdown, *at.subheader, *at.caption, *at.error):
            assert "<img" not in each.value
            assert "<script" not in each.value
            assert "\n# big" not in each.value
            assert ":red[x]" not in each.value


def test_a_device_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    """A link may be old, or of another data root."""
    at = shown(kept(tmp_path / "data"), "devices", device="phone-77")

    assert not at.exception
    assert "no device 'phone-77' in this store; it knows: host" in at.error[0].value.replace("\\", "")


def test_an_index_that_cannot_be_read_costs_counts_and_not_the_page(tmp_path: Path) -> None:
    """Devices come from the files; what only the index counts is said to be unknown, with the remedy."""
    data = kept(tmp_path / "data")
    for path in data.glob("index.sqlite*"):
        path.unlink()
    (data / "index.sqlite").write_bytes(b"no database" * 1000)

    at = shown(data, "devices")

    assert not at.exception
    assert column(at, "device") == ["host"]
    assert "Noise and lost trials are not known" in words(at)
    assert "lab reindex" in words(at)


def test_no_device_is_contacted_before_the_button_is_pressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adb server that cannot be reached is told in words then, and not before."""
    monkeypatch.setenv("POCKETLAB_ADB_SERVER", "nonsense")
    data = kept(tmp_path / "data")
    at = shown(data, "devices")
    assert not at.error

    monkeypatch.setenv("POCKETLAB_DATA", str(data))
    at.button[0].click().run()

    assert not at.exception
    assert "POCKETLAB\\_ADB\\_SERVER is" in at.error[0].value


def test_a_store_that_changes_is_read_again(tmp_path: Path) -> None:
    """A device that joined is there at the next look."""
    data = kept(tmp_path / "data")
    assert column(shown(data, "devices"), "device") == ["host"]
    with closing(Store(data)) as store:
        store.create_run(replace(run_of("018f0000-0000-7000-8000-0000000000ff"), device="newcomer"))

    assert column(shown(data, "devices"), "device") == ["newcomer", "host"]
