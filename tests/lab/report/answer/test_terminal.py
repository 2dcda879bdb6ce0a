"""An answer in a terminal: every figure whole, every name plain text."""

from __future__ import annotations

import re

import pytest

from lab.report.answer.terminal import render_terminal
from tests.lab.report.report_runs import (
    HOSTILE,
    example,
    printed,
)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_terminal_of_80_columns_shows_every_figure_whole(width: int) -> None:
    """No line is longer than the terminal, nothing is cut off, no escape codes in a file."""
    text = printed(render_terminal(example()[0]), width)

    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text and "\x1b" not in text
    rows = [line.split() for line in text.splitlines() if re.match(r" [* ~]  [146] ", line)]
    assert [row[:2] for row in rows] == [["1", "400"], ["~", "4"], ["~", "6"]]
    assert "297 to 303" in text and "1 x wrong_output" in text
    assert "published: image encoding 2.06 s (4 patches per batch)" in text and "not compared" in text


def test_a_hostile_name_stays_text_in_a_terminal() -> None:
    """Neither escape codes nor rich markup get through."""
    text = printed(render_terminal(example(HOSTILE + "[bold red]")[0]), 120)

    assert "\x1b" not in text and "[bold red]" in text.replace("\n", "")
