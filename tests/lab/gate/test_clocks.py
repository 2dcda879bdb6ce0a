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


def test_a_phone_whose_clocks_are_cut_must_wait() -> None:
    """Heat from charging cuts caps without a cooling state; at 85 % the trial may start."""
    door = Door([cut(0.58), cut(0.7), cut(0.85)])

    opened = door.passed()

    assert (opened.waited_s, opened.timed_out) == (10.0, "")
    assert door.told == [
        "waiting: policy7 is allowed 58 % of its highest clock, wanted at least 85 %; 1800 s left to wait"
    ]


def test_a_phone_whose_clocks_stay_cut_does_not_count() -> None:
    """After the time limit; the message names the policy and its share."""
    opened = Door(repeat(cut(0.58)), wanted=Gates(wait_s=60.0)).passed()

    assert opened.timed_out == (
        "the device was not ready within 60 s: policy7 is allowed 58 % of its highest clock, wanted at least 85 %"
    )


def test_cut_clocks_are_no_reason_to_wait_where_heat_is_asked_about_nor_on_a_host() -> None:
    """Where heat is the question nothing is rejected, and the lab does not control a host's clocks."""
    assert Door([cut(0.5)], wanted=Gates(throttling="keep")).passed().timed_out == ""
    assert Door([cut(0.5)], kind="host").passed().timed_out == ""


def test_cut_clocks_are_measured_against_what_a_profile_set() -> None:
    """A phone pinned at 60 % is fine at 60 %; after a look has shown that, 45 % is a quarter too little."""
    offered = Offered("rooted")
    first = Door([cut(0.6)], offered=offered).passed()
    later = Door(repeat(cut(0.45)), offered=offered, wanted=Gates(wait_s=5.0)).passed()

    assert first.timed_out == ""
    assert later.timed_out == (
        "the device was not ready within 5 s: policy7 is allowed 75 % of the highest clock seen at a gate, "
        "wanted at least 85 %"
    )
