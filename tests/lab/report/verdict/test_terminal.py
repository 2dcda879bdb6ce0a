"""A comparison in a terminal."""

from __future__ import annotations

from lab.report.verdict.terminal import picture


def test_the_picture_of_pairs() -> None:
    """Sixty-one columns, no change in the middle, the interval's ends, a digit where pairs share a column."""
    dots, scale = picture([1.06, 1.0, 1.0, 1 / 1.06], None)

    assert (dots[0], dots[30], dots[60], len(dots)) == ("•", "2", "•", 61)
    assert scale.startswith("-5.7 %") and scale.endswith("+6.0 %")
