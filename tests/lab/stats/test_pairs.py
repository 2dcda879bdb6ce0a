"""Pairs of trials: their ratios, and which side came first."""

from __future__ import annotations

from lab.records import Trial
from lab.stats.pairs import firsts_by_block, ratios_by_block


def test_ratios_are_those_of_blocks_that_both_have() -> None:
    """A block without a partner is left out."""
    assert ratios_by_block({0: 2.0, 2: 3.0, 5: 9.0}, {5: 3.0, 0: 1.0, 1: 4.0}) == {0: 2.0, 5: 3.0}


def test_the_side_that_began_first_is_known_of_every_pair() -> None:
    """By the time at which the trials began; a block of one side is left out."""

    def trial(block: int, second: int) -> Trial:
        return Trial(block, block, "c", True, None, "", f"2026-11-23T01:00:{second:02d}Z", 1.0, {})

    candidate = [trial(0, 1), trial(1, 11), trial(3, 31)]
    baseline = [trial(0, 2), trial(1, 10), trial(2, 20)]

    assert firsts_by_block(candidate, baseline) == {0: True, 1: False}
