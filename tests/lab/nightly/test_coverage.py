"""What a night did not measure, and nights that are not worth a list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.nightly.coverage import gaps, missed, noisy, vanished
from lab.records import Finding, Gap, Night, Outcome, Planned
from tests.night_records import BEFORE, DATE, SERIES, finding, night

HERE, GONE = night().planned
"""Decode on phone-2, and on phone-3."""

LAST = replace(night(), date=BEFORE, gaps=())


def test_what_was_not_measured_has_its_reason() -> None:
    """A known one, else that the measuring time was used up."""
    late = replace(HERE, scenario="vit_batch")

    found = gaps((HERE, GONE, late), {HERE}, {GONE: "phone-3 did not answer"}, ())

    assert found == (Gap(GONE, "phone-3 did not answer", 1), Gap(late, "the measuring time was used up", 1))


def test_silent_nights_are_counted_in_a_row() -> None:
    """Last night's count goes on, even if the priority changed since."""
    before = replace(LAST, gaps=(Gap(replace(GONE, priority=9), "offline", 2),))

    assert gaps((GONE,), (), {}, (before,))[0].nights == 3
    assert gaps((GONE,), (), {}, (LAST, before))[0].nights == 1


def test_a_night_that_did_not_finish_neither_counts_nor_ends_the_count() -> None:
    """It judged nothing, so what it has no gap of was not measured either."""
    cut = replace(LAST, status="interrupted")
    before = replace(LAST, gaps=(Gap(GONE, "offline", 1),))

    assert gaps((GONE,), (), {}, (cut, before))[0].nights == 2


def test_a_device_that_the_last_night_had_is_missed() -> None:
    """It is not in tonight's plan, because nobody saw it."""
    assert vanished((HERE,), (LAST,)) == (GONE,)
    assert vanished((), (LAST,)) == (HERE, GONE)
    assert vanished((HERE, GONE), (LAST,)) == ()
    assert vanished((HERE,), ()) == ()


def test_a_device_is_missed_for_two_weeks() -> None:
    """After that somebody has taken it away."""
    planned, nights = (HERE,), [LAST]
    seen = []
    for _ in range(16):
        gone = vanished(planned, nights)
        found = gaps((*planned, *gone), {HERE}, {}, nights)
        seen.append(found[0].nights if found else 0)
        nights.insert(0, replace(LAST, planned=planned, gaps=found))

    assert seen == [*range(1, 15), 0, 0]


def test_what_the_suite_no_longer_has_is_not_missed() -> None:
    """A scenario that tonight measures nowhere was taken out on purpose."""
    assert vanished((replace(HERE, scenario="vit_batch"),), (LAST,)) == ()


@pytest.mark.parametrize(
    ("date", "sentence"),
    [
        (BEFORE, ""),
        (DATE, ""),
        ("2026-11-30", "The night of 2026-11-29 was not measured to its end."),
        ("2026-12-02", "3 nights were not measured to their end: 2026-11-29 to 2026-12-01."),
    ],
)
def test_nights_without_a_record_are_named(date: str, sentence: str) -> None:
    """From the last night that finished."""
    assert missed((replace(LAST, date="2026-11-29", status="failed"), LAST), date) == sentence
    assert missed((), date) == ""


def suspects(outcomes: list[Outcome]) -> list[Finding]:
    """Return a suspect of each outcome, every one another series."""
    return [
        replace(finding(), outcome=outcome, series=replace(SERIES, cell=f"cell={n}"))
        for n, outcome in enumerate(outcomes)
    ]


def last_with(found: list[Finding]) -> Night:
    """Return a night before that had these findings."""
    return replace(LAST, findings=tuple(found))


def test_a_night_is_noisy_when_most_suspects_are_new_and_do_not_confirm() -> None:
    """Three of five; two of four are not most, and three suspects can be listed."""
    assert noisy(suspects(["not reproduced", "cannot tell", "not reproduced", "regressed", "regressed"]), None)
    assert not noisy(suspects(["not reproduced", "cannot tell", "regressed", "regressed"]), None)
    assert not noisy(suspects(["not reproduced"] * 3), None)


def test_suspects_of_last_night_are_no_noise() -> None:
    """Whatever a screen notices twice deserves its line."""
    found = suspects(["cannot tell"] * 4)

    assert noisy(found, last_with(found[:1]))
    assert not noisy(found, last_with(found[:2]))
    assert noisy(found, last_with([replace(each, screens=()) for each in found]))


def test_findings_without_a_screen_are_no_suspects() -> None:
    """A known level is looked at again, but nothing suspected it."""
    quiet = [replace(each, screens=()) for each in suspects(["not reproduced"] * 4)]

    assert not noisy(quiet, None)


def test_suspects_that_nobody_measured_again_prove_no_noise() -> None:
    """The time was over: they may all be real."""
    assert not noisy(suspects(["suspected"] * 5), None)


def test_an_anchor_is_missed_like_any_other() -> None:
    """Its line counts as planned."""
    anchor = Planned("decode", "nano-fp32", "phone-3", 0, anchor=True)

    here = replace(anchor, device="phone-2")
    assert vanished((HERE, here), (replace(LAST, planned=(HERE, here, anchor)),)) == (anchor,)
