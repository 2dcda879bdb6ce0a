"""What is kept of a night's findings."""

from __future__ import annotations

from dataclasses import replace

from lab.nightly.conclude import pictured
from lab.report.night.page import PICTURES
from tests.night_records import finding


def test_histories_are_kept_of_as_many_findings_as_a_page_draws() -> None:
    """Of each outcome: a year of nights with thousands of them would fill the store."""
    found = [finding()] * (PICTURES + 2) + [replace(finding(), outcome="suspected")]

    kept = [bool(each.history) for each in pictured(found)]

    assert kept == [True] * PICTURES + [False] * 2 + [True]
