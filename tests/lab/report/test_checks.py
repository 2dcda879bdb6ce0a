"""The notes of a trial in words."""

from __future__ import annotations

from dataclasses import replace

from lab.report.checks import checks_of
from tests.lab.report.report_runs import fine


def test_each_note_has_its_words_and_an_unknown_one_its_name() -> None:
    """A newer lab may note more."""
    notes = {
        "gap_fraction": 0.0018,
        "golden_checked": 1.0,
        "logits_distance": 0.21675,
        "cpu_share_prefill": 1.97679,
        "gate_waited_s": 12.5,
        "moon_phase": 0.25,
    }

    assert checks_of(replace(fine(1)[0], notes=notes)) == (
        ("largest share of an iteration that no stage accounts for", "0.18 %"),
        ("outputs compared with the reference model's", "yes"),
        ("largest distance of the logits from the reference model's", "0.2167"),
        ("CPU time of prefill over its duration, cores", "1.977"),
        ("waited at the gate", "12.5 s"),
        ("moon_phase", "0.25"),
    )
