"""Cut clocks: a gate measures them against the clocks that a device should offer."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat

from lab.gate.clocks import Offered
from lab.records import Vitals
from lab.scenario.plan import Gates
from tests.lab.gate.door import COOL, Door


def cut(share: float) -> Vitals:
    """A phone whose big core is allowed this share of its highest clock, its thermal driver at rest."""
    return replace(COOL, caps={"policy0": 1.0, "policy7": share})


def test_a_phone_whose_clocks_are_cut_is_waited_for() -> None:
    """A charger's heat cuts caps without a cooling state; at 85 % it is let in."""
    door = Door([cut(0.58), cut(0.7), cut(0.85)])

    opened = door.passed()

    assert (opened.waited_s, opened.timed_out) == (10.0, "")
    assert door.told == [
        "waiting: policy7 is allowed 58% of its highest clock, wanted at least 85%; 1800 s left to wait"
    ]


def test_a_phone_whose_clocks_stay_cut_does_not_count() -> None:
    """After the bound, in words."""
    opened = Door(repeat(cut(0.58)), wanted=Gates(wait_s=60.0)).passed()

    assert opened.timed_out == (
        "the device was not ready within 60 s: policy7 is allowed 58% of its highest clock, wanted at least 85%"
    )


def test_cut_clocks_are_not_waited_for_where_heat_is_asked_about_nor_on_a_host() -> None:
    """A host's clocks are others' affair; heat is the question."""
    assert Door([cut(0.5)], wanted=Gates(throttling="keep")).passed().timed_out == ""
    assert Door([cut(0.5)], kind="host").passed().timed_out == ""


def test_what_a_profile_set_is_the_measure_of_cut_clocks() -> None:
    """Pinned at 60 %, a phone at 60 % is whole; once that was seen, 45 % is a quarter too little."""
    offered = Offered("rooted")
    first = Door([cut(0.6)], offered=offered).passed()
    later = Door(repeat(cut(0.45)), offered=offered, wanted=Gates(wait_s=5.0)).passed()

    assert first.timed_out == ""
    assert later.timed_out == (
        "the device was not ready within 5 s: policy7 is allowed 75% of the highest clock seen at a gate, "
        "wanted at least 85%"
    )
