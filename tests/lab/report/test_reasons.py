"""The words for each reason why a trial is invalid."""

from __future__ import annotations

from device_agents.contract import InvalidReason
from lab.report.reasons import REASONS


def test_every_reason_has_words_and_something_to_do() -> None:
    """A new reason without words would crash `lab explain`."""
    assert set(REASONS) == set(InvalidReason)
    assert all(words.means and words.do.endswith(".") for words in REASONS.values())
