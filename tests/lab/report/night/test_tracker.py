"""An incident as text for a bug tracker."""

from __future__ import annotations

from lab.report.night.tracker import tracker_text
from tests.lab.report.night.night_reports import hostile, realistic
from tests.night_records import BAD, GOOD


def test_the_text_has_what_a_developer_needs() -> None:
    """Full hashes, the range of builds, figures with interval and pairs, commands, the software of the phones."""
    night, values = realistic()
    text = tracker_text(night.incidents[0], night, values)

    assert text.startswith("[perf] 4 series got worse between builds r11 and r12\n")
    assert GOOD.id in text and BAD.id in text
    assert "21.4 → 19.9 tokens/s, 7.5 % slower (95 % interval 6.4 to 8.6 %) · 12 pairs" in text
    assert "    lab compare aaaaaaaaaaaa bbbbbbbbbbbb --scenario decode --device x100-02\n" in text
    assert "    x100-02: agent native 1, device kind phone, os Android 14\n" in text
    assert night.id in text


def test_an_incident_of_an_earlier_night_keeps_its_figures() -> None:
    """Tonight found nothing in it: the level before and the change are those of its night."""
    night, values = realistic()
    text = tracker_text(night.incidents[1], night, values)

    assert "decode, 512 tokens of context · x100-02 · 21.4 tokens/s, now 7.5 % slower" in text


def test_every_line_with_a_name_is_indented() -> None:
    """A tracker that reads Markdown shows such a line as it is; no name ends it."""
    night, values = hostile()
    text = tracker_text(night.incidents[0], night, values)

    assert all(line.startswith("    ") for line in text.splitlines() if "script" in line)
    assert "\x1b" not in text and "\r" not in text and text.encode()
