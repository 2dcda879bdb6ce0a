"""An answer as Markdown."""

from __future__ import annotations

import re

from lab.report.answer.markdown import render_markdown
from lab.report.wording import escape
from tests.lab.report.report_runs import (
    HOSTILE,
    example,
)


def test_markdown_has_a_row_for_each_cell_and_escapes_names() -> None:
    """A pipe cannot make a column, a tag cannot make HTML."""
    text = render_markdown(example(HOSTILE)[0])
    table = [line for line in text.splitlines() if re.match(r"\| \d patch", line)]

    assert len(table) == 6
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 11 for line in table[:3])
    assert "| 4 patches per batch | 300 ms | 297 to 303 ms |" in text and "| tied |" in text
    assert "<script" not in text and "\x1b" not in text
    assert escape("a|b<c>*d*&\n") == "a\\|b&lt;c\\>\\*d\\*&amp;\ufffd"
