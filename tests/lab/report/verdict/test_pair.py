"""A pair of a comparison, in a line."""

from __future__ import annotations

from dataclasses import replace

from lab.compare.comparison import Step
from lab.records import CellVerdict, Trial
from lab.report.verdict.pair import pair_words
from tests.saved_checks import CUT


def test_a_pair_says_why_it_is_lost() -> None:
    """A trial that never settled is valid, and counts as little as one that is not."""
    trial = Trial(
        1, 0, "c", True, None, "", "2026-01-01T00:00:00Z", 2.0, {"decode_s": (1.0,) * 30}, state="unsteady"
    )
    cell = CellVerdict("c", "cannot tell", None, None, 1.0, 0, "")
    dead = replace(trial, valid=False, reason=None, state="unknown")

    assert pair_words(Step(CUT, cell, (trial,))) == (
        "c: does not count: it never settled; no pair yet, cannot tell"
    )
    assert pair_words(Step(CUT, cell, (dead,))).startswith("c: does not count: it has no figure; ")
    assert pair_words(Step(CUT, cell, (replace(trial, state="steady"),))) == "c: no pair yet, cannot tell"
