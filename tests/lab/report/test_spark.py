"""A line of bars."""

from __future__ import annotations

from lab.report.spark import spark


def test_a_line_of_bars_shares_characters_when_it_is_long() -> None:
    """The lowest value is the lowest bar, the highest the highest; gaps and bad trials have their own signs."""
    assert spark([1.0, None, 2.0, 1.5], width=10, bad=[False, False, False, True]) == "▁·█x"
    assert spark([1.0, 1.0, 2.0, 2.0], width=2) == "▁█"
    assert spark([3.0, 3.0], width=5) == spark([1.0, 1.0 + 1e-15], width=5) == "▅▅"
    assert spark([1.0, None, 1.001, 1.0], width=5, bad=[False] * 3 + [True], level=True) == "▅·▅x"
    assert spark([], width=5) == ""
