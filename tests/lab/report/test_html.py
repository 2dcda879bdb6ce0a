"""Sentences on pages."""

from __future__ import annotations

from lab.report.html import said


def test_a_sentence_shows_commands_and_options_as_code_and_stays_text() -> None:
    """Whatever else it holds is escaped, also between backticks."""
    words = said("to quote it, use --all-pairs; see `lab explain <x>` & a--b\x1b")

    assert str(words) == (
        "to quote it, use <code>--all-pairs</code>; see <code>lab explain &lt;x&gt;</code> &amp; a--b�"
    )
