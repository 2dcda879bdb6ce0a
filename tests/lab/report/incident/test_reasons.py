"""What speaks for an incident being real, and what against."""

from __future__ import annotations

from dataclasses import replace

from lab.records import CellVerdict, Finding, Interval, LiveCheck, Lost, Missing, Night, Outcome, Point, SelfCheck
from lab.report.incident.confirmed import Confirmed, Moved
from lab.report.incident.known import Known
from lab.report.incident.reasons import reasons
from lab.trial.metrics import METRICS
from tests.lab.report.incident.incident_records import known, series
from tests.night_records import DATE, VERDICT, finding, incident, night, value
from tests.saved_checks import ALIKE, CHECKED


def of(found: Known, side: str) -> str:
    """Return the reasons of a side, a line each."""
    return "\n".join(each.words for each in reasons(found) if each.side == side)


def with_finding(found: Finding) -> Known:
    """Return the incident as a night found it."""
    return replace(known(), series=(series(found),))


def that_night(found: Night) -> Known:
    """Return the incident of a night."""
    return replace(known(), nights=(found,))


def test_the_pairs_behind_a_change_speak_for_it() -> None:
    """How many, on how many devices, and how many intervals lie on the bad side as a whole."""
    assert (
        "Confirmed in 12 pairs on 1 device, measured in turn with the good build; the whole interval is a change "
        "for the worse in 1 of 1 series." in of(known(), "for")
    )


def test_a_step_in_the_interval_of_the_pairs_agrees() -> None:
    """412 to 381 tokens/s is a ratio of 0.9248, in 0.911 to 0.939."""
    assert "The step and the confirmation agree in 1 of 1 series" in of(known(), "for")


def test_a_step_outside_the_interval_speaks_against_it() -> None:
    """The night saw twice what the pairs show: the device or its load may have moved it too."""
    words = of(with_finding(replace(finding(), value=350.0)), "against")

    assert "moved by more or less than the pairs show" in words
    assert (
        "decode, 512 tokens of context on phone-2 went 412 → 350 tokens/s, and the pairs show 7.5 % slower"
        in words
    )


def test_other_devices_that_are_not_worse_speak_against_it() -> None:
    """With what the night said of them."""
    assert (
        "Measured the same night and not worse in decode, 512 tokens of context: phone-3 (no change seen)."
        in of(known(), "against")
    )


def test_a_device_that_cannot_tell_does_not_speak_against_it() -> None:
    """Only what a night could judge does; the others are named as unknown."""
    outcomes: tuple[Outcome, ...] = (
        "cannot tell", "trend", "suspected", "no history", "improved", "not reproduced",
    )  # fmt: skip
    others = [
        replace(value(replace(finding().series, device=f"phone-{number}")), outcome=outcome)
        for number, outcome in enumerate(outcomes, 3)
    ]
    found = replace(known(), values=(value(), *others))

    assert "not worse in decode, 512 tokens of context: phone-7 (improved) and phone-8 (not reproduced)." in of(
        found, "against"
    )
    assert (
        "Measured the same night, which does not show if decode, 512 tokens of context got worse there: phone-3 "
        "(cannot tell), phone-4 (trend), phone-5 (suspected) and phone-6 (no history)." in of(found, "unknown")
    )


def test_a_device_of_another_kind_says_nothing_of_it() -> None:
    """A simulated device that is no slower does not clear a phone."""
    phone, simulated = (
        replace(value(replace(finding().series, device=name)), context={"device kind": kind})
        for name, kind in (("phone-2", "android"), ("rack-1", "simulated"))
    )

    assert "rack-1" not in "\n".join(each.words for each in reasons(replace(known(), values=(phone, simulated))))


def test_the_only_device_that_measures_it_cannot_be_seconded() -> None:
    """No second device can confirm it."""
    assert "Only phone-2 measures decode" in of(replace(known(), values=(value(),)), "against")


def test_several_devices_speak_for_it() -> None:
    """Both devices that measured it got worse."""
    second = replace(incident().members[0], series=replace(finding().series, device="phone-3"))
    found = replace(known(), series=(*known().series, Confirmed(second)))

    assert "Of 2 devices that measured decode, 512 tokens of context that night, 2 got worse." in of(found, "for")


def encoding(stage_s: float) -> Known:
    """Return an incident of image encoding, 100 ms slower in its pairs, with a stage that moved."""
    member = replace(incident().members[0], metric=METRICS["encode_s"])
    pairs = tuple(replace(pair, good=1.0, bad=1.1) for pair in series().pairs)
    moved = (Moved("vit_s", 0.5, 0.5 + stage_s), Moved("load_s", 1.0, 2.0))
    return replace(known(), series=(Confirmed(member, finding(), pairs=pairs, moved=moved),))


def test_stages_that_sum_up_to_the_change_speak_for_it() -> None:
    """95 of 100 ms; loading is no part of encoding an image."""
    assert (
        "The stages that moved make 95 % of the change of image encoding, decode, 512 tokens of context on "
        "phone-2: vision transformer +95.0 ms, image encoding +100 ms." in of(encoding(0.095), "for")
    )


def test_stages_that_do_not_sum_up_speak_against_it() -> None:
    """A fifth of the change is explained."""
    assert "The stages that moved make 20 % of the change" in of(encoding(0.02), "against")


def test_a_bad_build_that_began_warmer_speaks_against_it() -> None:
    """Heat slows a phone down by itself."""
    found = replace(known(), series=(series(warmer=1.5),))

    assert "The bad build began 1.5 °C warmer (case, median of 6 pairs): decode, 512" in of(found, "against")


def test_equal_starts_speak_for_it() -> None:
    """Less than the step of a sensor."""
    assert "Both sides began equally warm in 1 of 1 series: they differ by 0.0 °C at most." in of(known(), "for")


def test_starts_that_nobody_read_are_unknown() -> None:
    """Not equal, and not zero."""
    blind = replace(known(), series=(replace(series(), sensor="", pairs=tuple(
        replace(pair, celsius=(None, None)) for pair in series().pairs)),))  # fmt: skip

    assert "No temperature was recorded at the start of the trials on phone-2." in of(blind, "unknown")
    assert "equally warm" not in of(blind, "for")


def checked(verdict: CellVerdict) -> SelfCheck:
    """Return a self-check of the phone with one comparison of a build with itself."""
    return replace(CHECKED, device="phone-2", live=(LiveCheck("c", 1.0, verdict, 16, 30.0),))


def test_a_self_check_speaks_for_or_against_by_its_false_alarms() -> None:
    """An alarm though nothing had changed, none, and no check at all."""
    clean = replace(known(), checks={"phone-2": checked(ALIKE)})
    alarming = replace(known(), checks={"phone-2": checked(replace(ALIKE, verdict="slower"))})

    words = "phone-2 checked itself on 2026-01-02: {} of 1 comparison of a build with itself alarmed."
    assert words.format(0) in of(clean, "for")
    assert words.format(1) in of(alarming, "against")
    assert "No self-check of phone-2" in of(known(), "against")
    assert "`lab selfcheck --device phone-2`" in of(known(), "against")


def test_a_comparison_cut_short_counts_for_nothing() -> None:
    """What it would have said is unknown, here as in the self-check's own report."""
    short = LiveCheck("d", 1.0, replace(ALIKE, verdict="cannot tell", pairs=1), 2, 30.0)
    check = checked(ALIKE)

    both = replace(known(), checks={"phone-2": replace(check, live=(*check.live, short))})
    assert "0 of 1 comparison of a build with itself alarmed" in of(both, "for")
    none = replace(known(), checks={"phone-2": replace(check, live=(short,))})
    assert "checked itself" not in "\n".join(each.words for each in reasons(none))


def test_an_interval_that_almost_reaches_no_change_speaks_against_it() -> None:
    """It begins at 0.4 %."""
    near = replace(incident().members[0], change=Interval(0.96, 0.93, 0.996, 0.95, 8))
    found = replace(known(), series=(series(member=near),))

    assert "The interval almost reaches no change in 1 of 1 series: decode, 512 tokens" in of(found, "against")
    assert "almost reaches" not in of(known(), "against")


def test_what_the_comparison_found_odd_speaks_against_it() -> None:
    """Sides that lost different shares, and neighbours that are alike."""
    lost = Missing(Lost(12, {}), Lost(12, {"throttled": 6}), 0.01)
    verdict = replace(VERDICT, missing=lost, serial_p=0.012)
    words = of(with_finding(replace(finding(), verdict=verdict)), "against")

    assert "lost different shares of their trials, 0 of the good build's and 6 of the bad one's" in words
    assert "Neighbouring pairs are more alike than by chance (p 0.012)" in words


def test_what_else_its_night_saw_speaks_against_it() -> None:
    """A noisy night, a drift and a change without a build on the same phone, new software the same night."""
    drift = replace(finding(), outcome="trend", incident="")
    strange = replace(finding(), outcome="not the build", incident="")
    noisy = replace(night(), noisy=True, findings=(finding(), drift, strange))
    updated = replace(finding(), history=(*finding().history[:-1], Point(DATE, 381.0, "b", "os changed")))

    words = of(replace(that_night(noisy), series=(series(updated),)), "against")
    assert f"The night of {DATE} was noisy" in words
    assert "Drifting slowly that night, whatever the build: series on phone-2." in words
    assert "Other series changed that night though their build did not, on phone-2" in words
    assert f"The same night os changed ({DATE}) on phone-2." in words


def test_series_that_came_back_speak_for_it() -> None:
    """A later build undid it."""
    back = replace(incident(), members=(replace(incident().members[0], back="c"),))

    assert "1 of 1 series came back with a later build." in of(replace(known(), incident=back), "for")


def test_evidence_that_is_gone_is_unknown() -> None:
    """The comparison and the night are named as missing; nothing is invented."""
    gone = Confirmed(incident().members[0], missing="the comparison could not be read")
    found = replace(known(), series=(gone,), nights=(), values=())

    assert of(found, "unknown").splitlines() == [
        "The comparison could not be read.",
        "No night of this data root tells how it found 1 of 1 series.",
    ]


def test_those_for_it_come_first() -> None:
    """A reader meets the claim before the doubts."""
    sides = [each.side for each in reasons(known())]

    assert sides == sorted(sides, key=("for", "against", "unknown").index)
