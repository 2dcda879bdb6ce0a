"""What a comparison confirms of what a screen noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.nightly.alarm import confirms
from lab.nightly.suspect import Suspect
from lab.records import Screen
from tests.night_records import BAD, BEFORE, CHANGE, GOOD, VERDICT, value

LOWER, HIGHER = 381.0, 443.0


def suspect(tonight: float, screens: tuple[Screen, ...] = ("tonight",)) -> Suspect:
    """Return a series that is usually at 412 tokens/s; VERDICT found tonight's build at .925 of the rate."""
    return Suspect(value(of=tonight), screens, 2.0, 412.0, BEFORE, GOOD, BAD, ())


@pytest.mark.parametrize(("tonight", "confirmed"), [(LOWER, True), (HIGHER, False)])
def test_a_change_must_go_the_way_of_the_night(tonight: float, *, confirmed: bool) -> None:
    """Pairs that are slower confirm a slower night, and no faster one."""
    assert confirms(suspect(tonight), VERDICT) is confirmed


def test_a_change_may_go_any_way_where_no_screen_looked() -> None:
    """A build without a history is compared at once: there is nothing that its pairs could contradict."""
    assert confirms(suspect(HIGHER, screens=()), VERDICT)


@pytest.mark.parametrize(("p", "confirmed"), [(0.0025, True), (0.0032, False)])
def test_a_change_must_hold_among_twenty_comparisons(p: float, *, confirmed: bool) -> None:
    """One of twenty holds at p <= .05 / 20."""
    assert confirms(suspect(LOWER), replace(VERDICT, change=CHANGE, p=p)) is confirmed


def test_no_change_confirms_nothing() -> None:
    """A comparison without a valid pair has no change."""
    assert not confirms(suspect(LOWER), replace(VERDICT, change=None))
