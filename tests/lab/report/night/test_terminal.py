"""A night in a terminal."""

from __future__ import annotations

from lab.report.night.terminal import render_terminal
from lab.report.night.view import view_of
from tests.lab.report.night.night_reports import hostile, many, realistic
from tests.lab.report.report_runs import printed


def test_the_verdict_comes_first_and_80_columns_are_enough() -> None:
    """A realistic night, with its history as a line of characters."""
    text = printed(render_terminal(view_of(*realistic())))

    assert text.startswith("1 incident: 4 series regressed; 2 suspected")
    assert max(map(len, text.splitlines())) <= 80
    assert "▁ 40 nights" in text and "nano-w4 on x100-02" in " ".join(text.split())


def test_a_long_list_is_cut() -> None:
    """Twenty of 1,250, and where the others are."""
    assert "1230 more: see report.html" in printed(render_terminal(view_of(*many(10_000))))


def test_no_name_controls_the_terminal() -> None:
    """Escape sequences are shown as replacement characters."""
    assert "\x1b" not in printed(render_terminal(view_of(*hostile())))
