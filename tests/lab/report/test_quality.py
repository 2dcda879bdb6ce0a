"""The lab's own rates: k of n, each with its source."""

from __future__ import annotations

from dataclasses import replace

from lab.records import CellVerdict, Context, LiveCheck, Outcome, Tally
from lab.report.quality import alert_days, alert_words, lost_rows, noises_of, rates_of, sum_of
from lab.report.steady import Nights
from tests.night_records import BAD, DATE, DECODE, SERIES, finding, incident, night
from tests.saved_checks import ALIKE, CHECKED
from tests.saved_runs import comparison_of

SLOWED = replace(ALIKE, verdict="regressed")


def test_a_nights_suspects_are_counted_by_what_became_of_them() -> None:
    """A finding that no screen noticed was no suspect."""
    outcomes: tuple[Outcome, ...] = ("regressed", "improved", "not reproduced", "cannot tell", "suspected")
    found = [replace(finding(), outcome=each) for each in outcomes]
    counted = sum_of(replace(night(), findings=(*found, replace(finding(), screens=())), builds={"nano-w4": BAD}))

    assert (counted.suspects, counted.confirmed, counted.refuted, counted.open, counted.waiting) == (5, 2, 1, 1, 1)
    assert (counted.planned, counted.gaps, counted.noisy, counted.first) == (2, 1, False, {"nano-w4": "b" * 64})


def test_every_rate_says_its_n() -> None:
    """Of false verdicts an upper bound, of slow-downs found a lower one."""
    live = (
        *(LiveCheck(f"a{i}", 1.0, ALIKE, 16, 30.0) for i in range(10)),
        *(LiveCheck(f"s{i}", 1.1, SLOWED, 16, 30.0) for i in range(5)),
    )
    rates = rates_of([replace(CHECKED, live=live)], [incident(), replace(incident(), status="expected")], [])

    assert [(each.name, each.words) for each in rates] == [
        ("equal builds called changed", "0 of 10 (≤ 25.9 %)"),
        ("slow-downs of 10 % found", "5 of 5 (≥ 54.9 %)"),
        ("alerts marked invalid", "0 of 2 (≤ 77.6 %)"),
        ("alerts marked expected", "1 of 2"),
    ]
    assert rates[0].source == "1 self-check, live comparisons that were judged"


def test_several_devices_have_their_own_rates_too() -> None:
    """A phone whose verdicts are wrong must not hide behind the others."""
    names = [each.name for each in rates_of([CHECKED, replace(CHECKED, device="phone-1")], [], [])]

    assert names == [
        "equal builds called changed",
        "slow-downs of 10 % found",
        "alerts marked invalid",
        "alerts marked expected",
        "equal builds called changed on host",
        "slow-downs of 10 % found on host",
        "equal builds called changed on phone-1",
        "slow-downs of 10 % found on phone-1",
    ]


def test_nights_have_rates_of_their_own() -> None:
    """One suspect, confirmed; one of two planned runs was not measured."""
    rates = {each.name: each.words for each in rates_of([], [], [sum_of(night())])}

    assert rates["equal builds called changed"] == "none measured"
    assert rates["suspects confirmed"] == "1 of 1"
    assert rates["noisy nights"] == "0 of 1"
    assert rates["planned runs not measured"] == "1 of 2"


def test_an_alerts_delay_counts_from_the_first_night_of_its_build() -> None:
    """Three nights here; the build of the oldest one may be older still, and so is not counted."""
    oldest = replace(sum_of(night()), date="2026-11-26", first={"nano-w4": "c" * 64})
    first = replace(oldest, date="2026-11-27", first={"nano-w4": BAD.id})
    again = replace(first, date=DATE)
    other = replace(incident(), id="older", bad=replace(BAD, id="c" * 64))

    assert alert_days([incident(), other], [again, first, oldest]) == {incident().id: 2}
    assert alert_words([incident(), other], [again, first, oldest]) == (
        "From a build's first night to its alert: median 2 days, 0 of 1 alert in the same night, the longest "
        "2 days (known for 1 of 2 incidents that began in these nights)."
    )


def test_an_alerts_delay_is_never_negative() -> None:
    """An incident from before these nights is left out, and so is one whose own night cannot be read."""
    oldest = replace(sum_of(night()), date="2026-11-20", first={"nano-w4": "c" * 64})
    later = replace(oldest, date="2026-11-30", first={"nano-w4": BAD.id})
    before = replace(incident(), id="before", night="2026-11-10")

    assert alert_days([incident(), before], [later, oldest]) == {}
    assert alert_words([incident(), before], [later, oldest]) == (
        "How long an alert takes is not known: 1 incident began in these nights, none with a known first night."
    )
    assert alert_words([before], []).startswith("How long an alert takes is not known: 0 incidents began")


def test_a_series_has_the_smallest_change_of_its_newest_comparison() -> None:
    """Of the same cell on the same device; the others have none."""
    steady = Nights(SERIES, DECODE, "phone", ("2026-11-28", DATE), (100.0, 101.0), ("a", "a"))
    noisy = replace(steady, series=replace(SERIES, device="phone-9"), values=(100.0, 150.0))
    cell = CellVerdict(SERIES.cell, "same", None, 0.03, 1.0, 8, "")
    newest = replace(
        comparison_of(2), device="phone-2", scenario="decode", metric="decode_tokens_per_s", cells=(cell,)
    )
    older = replace(newest, id="older", cells=(replace(cell, smallest_found=0.5),))

    found = noises_of([steady, noisy], [newest, older])

    assert [(each.found.series.device, each.smallest, each.seen) for each in found] == [
        ("phone-9", None, ""),
        ("phone-2", 0.03, "2026-01-02"),
    ]


def test_lost_trials_stand_beside_all_of_their_scenario() -> None:
    """Most first."""
    tallies = [
        Tally("p", "decode", "", 90),
        Tally("p", "decode", "starved", 4),
        Tally("p", "decode", "throttled", 6),
        Tally("q", "decode", "", 5),
    ]

    assert lost_rows(tallies) == [(tallies[2], 100), (tallies[1], 100)]


def test_each_kind_of_device_has_a_rate_of_its_own() -> None:
    """What a virtual phone gets wrong says nothing of this machine; labels are of the whole lab."""
    virtual = replace(
        CHECKED,
        device="virtual-1",
        context=Context({"device_kind": "virtual"}),
        live=(LiveCheck("v", 1.0, SLOWED, 16, 30.0),),
    )

    rates = {each.name: each.words for each in rates_of([CHECKED, virtual], [], [])}

    assert "equal builds called changed" not in rates
    assert rates["equal builds called changed on this machine"] == "0 of 1 (≤ 95 %)"
    assert rates["equal builds called changed on a virtual phone"].startswith("1 of 1")
    assert "slow-downs of 10 % found on a virtual phone" in rates
