"""Whatever is drawn on the terminal: colours are the lab's, and texts are shown as they are."""

from __future__ import annotations

import logging

import pytest
from rich.table import Table
from rich.text import Text

from lab.cli.options import console, log_to_stderr, tell
from lab.cli.terminal import Terminal

HOSTILE = "\x1b]52;c;AA\x9c[red]x[/red]\u202e[link=http://y]z :smile:"
SHOWN = "\ufffd]52;c;AA\ufffd[red]x[/red]\ufffd[link=http://y]z :smile:"


def test_no_cell_title_or_text_controls_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Cells, heads, titles and texts, as `str` or made by a report; markup and emoji codes mean nothing."""
    table = Table(HOSTILE, title=HOSTILE, caption=HOSTILE, box=None)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    terminal = Terminal()
    terminal.width = 100
    terminal.print(HOSTILE, Text(HOSTILE))
    terminal.print(table)
    said = capsys.readouterr().out

    assert said.count(SHOWN) == 7
    assert not {"\x1b", "\x9c", "\u202e"} & set(said)


def test_a_table_is_as_wide_as_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A text is made plain before it is measured: columns stay aligned."""
    table = Table("a", "b", box=None)
    table.add_row("\x1b" * 4, "x")
    table.add_row("1234", "y")
    Terminal().print(table)

    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        " a     b",
        " \ufffd\ufffd\ufffd\ufffd  x",
        " 1234  y",
    ]


def test_the_labs_own_colours_are_drawn() -> None:
    """On a terminal."""
    terminal = Terminal()
    terminal._force_terminal = True
    with terminal.capture() as said:
        terminal.print(Text("\x1b[31mred", style="bold"))

    assert "\ufffd[31mred" in said.get()
    assert "\x1b[31m" not in said.get()


def test_messages_and_log_lines_are_plain_and_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """Both go through one console."""
    console.cache_clear()
    tell(HOSTILE)
    tell("x" * 10_000)
    log_to_stderr(verbose=False)
    logging.getLogger("lab.test").warning("%s", HOSTILE)
    said = capsys.readouterr().err.splitlines()

    assert (said[0], said[2]) == (SHOWN, f"WARNING  {SHOWN}")
    assert "6,000 characters left out" in said[1]
