"""A pair of a comparison, in a line."""

from __future__ import annotations

from dataclasses import replace

from lab.compare.comparison import Step
from lab.records import CellVerdict, Interval, Trial
from lab.report.verdict.pair import pair_words
from tests.saved_checks import CUT


def test_a_pair_says_why_it_is_lost() -> None:
    """A trial that never settled is valid, and counts as little as one that is not."""
    trial = Trial(
        1, 0, "c", True, None, "", "2026-01-01T00:00:00Z", 2.0, {"decode_s": (1.0,) * 30}, state="unsteady"
    )
    cell = CellVerdict("c", "cannot tell", None, None, 1.0, 0, "")
    dead = replace(trial, valid=False, reason=None, state="unknown")

    def told(one: Trial) -> str:
        return pair_words(Step(CUT, cell, (one,), 1740.0, 57.0, 9.5), ("old", "new"))

    assert told(trial) == (
        "c: does not count: it never settled; no valid pair yet, no verdict yet; 1740 s of 1800 s left, "
        "next look in about 57 s"
    )
    assert told(dead).startswith("c: does not count: it has no figure; ")
    assert told(replace(trial, state="steady")) == (
        "c: no valid pair yet, no verdict yet; 1740 s of 1800 s left, next look in about 57 s"
    )


def test_a_pair_names_both_builds_and_the_time_left() -> None:
    """The ratio so far with its interval, what it says, and what is left of the budget."""
    cell = CellVerdict("c", "regressed", Interval(1.1, 1.0512, 1.2, 0.95, 6), None, 0.001, 6, "")

    step = Step(replace(CUT, budget_s=400.0), cell, (), 314.2, None, 9.5)

    assert pair_words(step, ("nano-paper", "nano-w8a8")) == (
        "c: nano-w8a8 / nano-paper 1.100 after 6 pairs (1.051 to 1.200), regressed; 314 s of 400 s left"
    )
