"""One table, drawn in each format: the same rows, aligned alike, and nothing in them can steer a format."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lab.report import markdown, terminal
from lab.report.html import environment
from lab.report.table import Column, Head, Table, table

FIGURES = {"a|b": (1.5, 0), "<i>c</i>\x1b[2J": (20.25, 3)}


def figures(standing: str = "") -> Table:
    """Return a table of two rows with a hidden column, small print and a column of faults."""
    columns: list[Column[str]] = [
        Column(Head("name", "words"), str),
        Column(Head("hidden"), lambda name: "never", shown=False),
        Column(Head("value", about="in seconds"), lambda name: f"{FIGURES[name][0]}\nsmall print"),
        Column(Head("faults", "faults"), lambda name: str(FIGURES[name][1])),
    ]
    return table(columns, FIGURES, standing=lambda name: standing if name == "a|b" else "")


def drawn_in_terminal(found: Table) -> str:
    """Return the table as a file of 80 columns."""
    out = io.StringIO()
    Console(file=out, width=80).print(terminal.draw(found))
    return out.getvalue()


def drawn_as_page(found: Table) -> str:
    """Return the table as HTML."""
    template = environment().from_string('{% from "table.html" import draw %}{{ draw(t) }}')
    return template.render(t=found)


def test_words_are_aligned_left_and_numbers_right() -> None:
    """In every format; a column that is not shown is nowhere."""
    rows = [line.split() for line in drawn_in_terminal(figures()).splitlines() if line.strip()]
    page = drawn_as_page(figures())

    assert rows[0] == ["name", "value", "faults"]
    assert rows[2] == ["a|b", "1.5", "0"] and rows[3] == ["small", "print"]
    assert markdown.draw(figures()).splitlines()[:2] == ["| name | value | faults |", "| --- | ---: | ---: |"]
    assert (
        '<td data-head="name" class="words"><div>a|b</div></td><td data-head="value" class="n"><div>1.5<br>'
        in page
    )
    assert '<th class="n" title="in seconds">value</th>' in page
    assert '<p class="meta"><b>value</b>: in seconds.</p>' in page
    assert not any("hidden" in text for text in (drawn_in_terminal(figures()), markdown.draw(figures()), page))


def test_small_print_stands_below_its_figure() -> None:
    """Each format has its own line break."""
    assert "| 1.5<br>small print |" in markdown.draw(figures())
    assert '1.5<br><span class="soft">small print</span>' in drawn_as_page(figures())


def test_hostile_text_stays_text() -> None:
    """No tag, no column and no escape code comes from a name."""
    assert "\x1b" not in drawn_in_terminal(figures())
    assert "| a\\|b |" in markdown.draw(figures()) and "<i>" not in markdown.draw(figures())
    assert "&lt;i&gt;c" in drawn_as_page(figures()) and "<i>" not in drawn_as_page(figures())


@pytest.mark.parametrize(("standing", "name"), [("best", "best"), ("not judged", "not-judged")])
def test_a_standing_is_a_style(standing: str, name: str) -> None:
    """A class of its row on a page; the best row is bold in Markdown; a fault stands out, none does not."""
    page = drawn_as_page(figures(standing))

    assert f'<tr class="{name}">' in page
    assert page.count(" bad") == 1 and 'class="n bad"><div>3</div></td>' in page
    assert ("**0**" in markdown.draw(figures(standing))) == (standing == "best")
