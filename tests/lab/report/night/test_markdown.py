"""A night as Markdown: short enough for where it is pasted, and harmless."""

from __future__ import annotations

import pytest

from lab.report.night.files import STEP_SUMMARY
from lab.report.night.markdown import CHECK_BYTES, render_markdown
from lab.report.night.view import view_of
from lab.report.wording import escape
from tests.lab.report.night.night_reports import hostile, many, realistic


def test_the_first_line_is_the_verdict() -> None:
    """A chat shows no more."""
    view = view_of(*realistic())

    assert render_markdown(view).splitlines()[0] == f"**{escape(view.verdict)}**"


@pytest.mark.parametrize("most", [CHECK_BYTES, STEP_SUMMARY])
def test_ten_thousand_findings_are_cut_with_a_sentence(most: int) -> None:
    """GitHub drops a longer text whole."""
    text = render_markdown(view_of(*many(10_000)), most=most)

    assert most / 10 < len(text.encode()) <= most
    assert " more: see report.html" in text


def test_hostile_names_are_text() -> None:
    """No tag, no table cell, no mention."""
    text = render_markdown(view_of(*hostile()))

    assert "<script>" not in text and "\x1b" not in text and "\r" not in text
    assert "\\|" in text and "\\@all" in text


def test_a_command_can_be_copied() -> None:
    """In a code span, without a backslash."""
    assert "`lab bisect nano-w4 --scenario decode`" in render_markdown(view_of(*realistic()))
