"""Nights on fake phones, from the first to a regression that is found, told once, and closed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import RunError
from lab.identifiers import new_run_id
from lab.nightly.night import finished_on, the_only_nightly, to_resume
from lab.records import CellVerdict, Comparison, Night
from lab.store import Store
from tests.lab.nightly.night_lab import NightLab, dates

NOW = "2026-11-06T12:00:00+00:00"


def outcomes(night: Night) -> dict[str, str]:
    """Return device -> outcome of the findings."""
    return {finding.series.device: finding.outcome for finding in night.findings}


def grown(folder: Path, phones: tuple[str, ...] = ("phone-1",), nights: int = 6, **more: bool) -> NightLab:
    """Return a lab after some quiet nights with one build."""
    lab = NightLab(folder, phones, **more)
    for date in dates(1, nights):
        assert not lab.night(date).findings
    return lab


def test_a_first_night_has_no_history_and_nothing_to_say(tmp_path: Path) -> None:
    """Every series is measured, none is judged, and nobody is alerted."""
    night = NightLab(tmp_path).night("2026-11-01")

    assert (night.status, night.counts, night.findings, night.told) == ("finished", {"no history": 1}, (), ())


def test_a_slower_build_is_found_confirmed_and_told_once(tmp_path: Path) -> None:
    """The first night regresses with the range of builds; the next ones know it; a repaired build closes it."""
    lab = grown(tmp_path)
    lab.new_build()
    lab.slower["phone-1", 1] = 1.10

    first, second = lab.night("2026-11-07"), lab.night("2026-11-08")
    lab.new_build()
    third = lab.night("2026-11-09")

    (found,) = first.findings
    assert (found.outcome, found.series.device, found.since) == ("regressed", "phone-1", "2026-11-07")
    assert (found.good.revision if found.good else 0, found.bad.revision) == (1, 2)
    assert found.verdict is not None
    assert found.verdict.change is not None
    assert found.verdict.change.estimate == pytest.approx(1.10, abs=0.01)
    assert (len(first.told), found.incident) == (1, first.told[0])
    assert (second.counts, second.told, second.findings) == ({"known": 1}, (), ())
    assert (third.counts, third.told) == ({"no change seen": 1}, ())
    (incident,) = lab.store.incidents()
    assert (incident.status, incident.night) == ("fixed", "2026-11-07")


def test_a_faster_build_is_improved_and_alerts_nobody(tmp_path: Path) -> None:
    """It is said, with its comparison, and no incident is opened."""
    lab = grown(tmp_path)
    lab.new_build()
    lab.slower["phone-1", 1] = 0.90

    night = lab.night("2026-11-07")

    assert (outcomes(night), night.told, lab.store.incidents()) == ({"phone-1": "improved"}, (), [])


def test_a_change_of_the_device_is_not_the_builds(tmp_path: Path) -> None:
    """The phone got slower in the same night as a new build came: measured in turn, both builds are equal."""
    lab = grown(tmp_path, anchor=True)
    lab.new_build()
    lab.device_factor["phone-1"] = 1.10

    night = lab.night("2026-11-07")

    (found,) = night.findings
    assert found.outcome == "not reproduced"
    assert "the anchor build moved by 10 % too" in found.why
    assert night.told == ()


def test_a_phone_that_does_not_answer_is_a_gap_and_stops_no_other(tmp_path: Path) -> None:
    """It is silent for one night, then for two: an alarm."""
    lab = grown(tmp_path, ("phone-1", "phone-2"), nights=1)
    lab.away.add("phone-2")

    first, second = lab.night("2026-11-02"), lab.night("2026-11-03")

    assert [(gap.planned.device, gap.nights) for gap in (*first.gaps, *second.gaps)] == [
        ("phone-2", 1),
        ("phone-2", 2),
    ]
    assert (len(first.silent), len(second.silent)) == (0, 1)
    assert sum(second.counts.values()) == 1


def test_a_build_that_fails_on_one_phone_is_a_gap_there(tmp_path: Path) -> None:
    """The other phone's figure stands, and the reason is the agent's."""
    lab = NightLab(tmp_path, ("phone-1", "phone-2"))
    lab.phones["phone-2"].script = lambda number: "error"

    night = lab.night("2026-11-01")

    (gap,) = night.gaps
    assert gap.planned.device == "phone-2"
    assert "0 of " in gap.why
    assert night.counts == {"no history": 1}


def test_a_phone_that_is_not_attached_any_more_is_missed(tmp_path: Path) -> None:
    """Tonight's devices are those attached; last night's other one is not forgotten."""
    lab = grown(tmp_path, ("phone-1", "phone-2"), nights=1)

    night = lab.night("2026-11-02", ["phone-1"])

    assert [(gap.planned.device, gap.why) for gap in night.gaps] == [("phone-2", "it was not attached tonight")]


def test_a_night_that_measures_nothing_fails(tmp_path: Path) -> None:
    """It is no quiet night: the lab failed, and says on which device and why."""
    lab = NightLab(tmp_path)
    lab.away.add("phone-1")

    with pytest.raises(RunError, match=r"the night of 2026-11-01 measured nothing: phone-1: .* did not answer"):
        lab.night("2026-11-01")
    assert [night.status for night in lab.store.nights()] == ["failed"]


def test_without_time_to_confirm_a_suspect_stays_suspected(tmp_path: Path) -> None:
    """Nothing is claimed that was not measured again."""
    lab = grown(tmp_path)
    lab.new_build()
    lab.slower["phone-1", 1] = 1.10
    night, away = lab.begin("2026-11-07")

    done = lab.go_on(replace(night, confirm_s=0.0), away)

    assert outcomes(done) == {"phone-1": "suspected"}
    assert "the time for confirming was used up" in done.findings[0].why
    assert done.told == ()


def test_a_phone_that_vanishes_while_it_confirms_leaves_a_suspect(tmp_path: Path) -> None:
    """Its figure was measured; the comparison was not."""
    lab = grown(tmp_path)
    lab.new_build()
    lab.slower["phone-1", 1] = 1.10
    night, away = lab.begin("2026-11-07")

    def gone(words: str) -> None:
        lab.away.add("phone-1")

    done = lab.go_on(night, away, tell=gone)

    assert outcomes(done) == {"phone-1": "suspected"}
    assert "not measured again: phone-1: did not answer" in done.findings[0].why


@pytest.mark.parametrize("at", [2, 4, 7, 12, 16])
def test_a_night_killed_at_any_moment_ends_as_it_would_have(tmp_path: Path, at: int) -> None:
    """The files as they lie at that moment are all that is left: while it measures, and while it confirms."""
    lab = grown(tmp_path / "lab", nights=5)
    lab.new_build()
    lab.slower["phone-1", 1] = 1.10
    left = iter(range(at))

    def copy_at() -> None:
        if next(left, None) is None and not (tmp_path / "cut").exists():
            shutil.copytree(lab.store.root, tmp_path / "cut")

    lab.started = copy_at
    whole = lab.night("2026-11-06")
    lab.started, kept = (lambda: None), lab.store
    lab.store = Store(tmp_path / "cut")
    cut = to_resume(lab.store, "every", NOW)
    assert cut is not None
    resumed = lab.go_on(cut)
    lab.store = kept

    def told(night: Night) -> list[object]:
        keep = [(each.outcome, each.verdict, each.ratios, each.why) for each in night.findings]
        return [night.status, night.counts, len(night.told), len(night.incidents), keep]

    assert told(resumed) == told(whole)
    assert outcomes(resumed) == {"phone-1": "regressed"}


def test_judging_a_night_again_opens_no_second_incident(tmp_path: Path) -> None:
    """As after a kill -9 between saving the incident and saving the night."""
    lab = grown(tmp_path, nights=5)
    lab.new_build()
    lab.slower["phone-1", 1] = 1.10
    night = lab.night("2026-11-06")

    again = lab.go_on(replace(night, status="running"))

    assert again.told == night.told
    assert len(lab.store.incidents()) == 1


def test_a_second_nightly_leaves(tmp_path: Path) -> None:
    """It says who is at work."""
    lab = NightLab(tmp_path)

    with (
        the_only_nightly(lab.store),
        pytest.raises(RunError, match=r"another nightly is at work here \(pid"),
        the_only_nightly(lab.store),
    ):
        raise AssertionError("two nightlies at once")


def test_a_finished_night_is_found_and_a_cut_one_resumed(tmp_path: Path) -> None:
    """What `--resume` looks for."""
    lab = NightLab(tmp_path)
    done = lab.night("2026-11-01")

    assert finished_on(lab.store, "every", "2026-11-01") == done
    assert (to_resume(lab.store, "every", NOW), finished_on(lab.store, "every", "2026-11-02")) == (None, None)


def test_an_interrupt_marks_the_night(tmp_path: Path) -> None:
    """Ctrl-C leaves a night that can be resumed."""
    lab = NightLab(tmp_path)

    def interrupt() -> None:
        raise KeyboardInterrupt

    lab.started = interrupt
    with pytest.raises(KeyboardInterrupt):
        lab.night("2026-11-01")
    lab.started = lambda: None
    cut = to_resume(lab.store, "every", "2026-11-01T12:00:00+00:00")
    assert cut is not None
    assert (cut.status, lab.go_on(cut).status) == ("interrupted", "finished")


def test_a_night_that_was_cut_long_ago_is_left(tmp_path: Path) -> None:
    """Tonight's builds are due: a dead night must not cost the next one too."""
    lab = NightLab(tmp_path)
    lab.away.add("phone-1")
    with pytest.raises(RunError):
        lab.night("2026-11-01")

    assert to_resume(lab.store, "every", "2026-11-01T19:59:00+00:00") is not None
    assert to_resume(lab.store, "every", "2026-11-01T20:01:00+00:00") is None


def test_a_regression_that_somebody_expects_is_known(tmp_path: Path) -> None:
    """A second phone shows the step of an incident that was closed as expected: no alert, no failure."""
    lab = grown(tmp_path, ("phone-1", "phone-2"), nights=5)
    lab.new_build()
    lab.slower["phone-1", 1] = 1.10
    lab.away.add("phone-2")
    first = lab.night("2026-11-06")
    incident = lab.store.incident(first.told[0])
    event = replace(incident.events[0], state="expected", who="ada", note="agreed")
    lab.store.save_incident(replace(incident, status="expected", events=(*incident.events, event)))
    lab.away.clear()
    lab.slower["phone-2", 1] = 1.10

    second = lab.night("2026-11-07")

    assert (first.counts, outcomes(second), second.told) == ({"regressed": 1}, {"phone-2": "known"}, ())


def test_a_comparison_that_was_refused_stops_no_resumed_night(tmp_path: Path) -> None:
    """Another definition in one build: incomparable, saved without runs, and not taken for one to go on with."""
    lab = grown(tmp_path, nights=5)
    lab.new_build()
    lab.slower["phone-1", 1] = 1.10
    night, away = lab.begin("2026-11-06")
    refused = Comparison(
        id=new_run_id(),
        dimension="build",
        scenario="probe",
        metric="encode_s",
        device="phone-1",
        baseline_run="",
        candidate_run="",
        started_utc="2026-11-06T02:30:00Z",
        ended_utc="2026-11-06T02:30:00Z",
        status="finished",
        seed=0,
        looks_most=24,
        looks_first=4,
        budget_s=1.0,
        differs={"gates": ("a", "b")},
        cells=(CellVerdict("patches_per_batch=3", "incomparable", None, None, 1.0, 0, "gates differ"),),
        night=night.id,
    )
    lab.store.save_comparison(refused)

    assert outcomes(lab.go_on(night, away)) == {"phone-1": "regressed"}
