"""What a night covered: the worst of what it measured, and why it did not measure the rest."""

from __future__ import annotations

from dataclasses import replace

from lab.records import Gap, Planned
from lab.report.night.covered import Covered, covered
from tests.night_records import RUN, SERIES, night, value

ELSEWHERE = Planned("decode", "nano-w4", "phone-9", 2)


def test_a_scenario_on_a_device_shows_its_worst_series() -> None:
    """Two cells of one run: one that did not change, one that regressed."""
    worse = replace(value(replace(SERIES, cell="context_tokens=2048"), of=300.0), outcome="regressed")
    planned = (Planned("decode", "nano-w4", "phone-2", 1),)
    found = covered(replace(night(), planned=planned, gaps=()), [value(), worse])

    words = "2 series; regressed: context_tokens=2048, 300 tokens/s"
    assert found == (Covered("phone-2", "decode", "nano-w4", "regressed", words, RUN),)


def test_what_was_not_measured_says_why_and_since_when() -> None:
    """Three nights of silence are an alarm of a suite that allows two."""
    gap = Gap(ELSEWHERE, "does not answer", 3)
    found = covered(replace(night(), planned=(ELSEWHERE,), gaps=(gap,), silent_after=2), [])

    words = "does not answer, 3 nights in a row"
    assert found == (Covered("phone-9", "decode", "nano-w4", "not measured", words, silent=True),)


def test_a_night_at_work_has_fields_that_are_not_judged() -> None:
    """What is planned and neither measured nor missing yet says so."""
    found = covered(replace(night(), planned=(ELSEWHERE,), gaps=()), [])

    assert [(each.outcome, each.words) for each in found] == [("not measured", "not judged yet")]
