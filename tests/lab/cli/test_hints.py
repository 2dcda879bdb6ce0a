"""Commands that are printed name the data root, wherever their text was made."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.padding import Padding
from rich.text import Text

from lab.cli import hints
from lab.cli.hints import WITHOUT_DATA, completed, remember
from lab.cli.output import write
from lab.cli.terminal import Terminal
from lab.report.html import said
from lab.report.wording import MARK


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the command have been given a data root with a blank in its name."""
    monkeypatch.delenv("POCKETLAB_DATA", raising=False)
    remember(Path("/x y"))
    yield
    hints._given.clear()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`lab show 0193` prints it", "`lab show 0193 --data '/x y'` prints it"),
        ("`lab runs`, `lab show ID`.", "`lab runs --data '/x y'`, `lab show ID --data '/x y'`."),
        ("`lab compare --resume 0193 --data /z`", "`lab compare --resume 0193 --data /z`"),
        ("\\`lab show last\\`", "\\`lab show last --data '/x y'\\`"),
        (f"`lab {WITHOUT_DATA[0]}`, `lab` and `make build`", f"`lab {WITHOUT_DATA[0]}`, `lab` and `make build`"),
    ],
)
def test_a_command_gets_the_data_root_that_this_one_was_given(text: str, shown: str) -> None:
    """Once, and no other command gets any."""
    assert completed(text) == shown


def test_the_default_root_need_not_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the folder here nor the one that the environment names."""
    monkeypatch.setenv("POCKETLAB_DATA", "/x y")

    assert completed("`lab runs`") == "`lab runs`"


def test_a_text_is_completed_before_its_lines_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 40 columns, also inside of something else that is drawn."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "40")
    Terminal().print(
        Padding(Text("never settled, enter no figure: `lab explain 0193`.", style="red"), (0, 0, 0, 2))
    )

    assert " ".join(out.getvalue().split()) == (
        "never settled, enter no figure: `lab explain 0193 --data '/x y'`."
    )


def test_a_page_and_a_markdown_file_name_it_too(tmp_path: Path) -> None:
    """In a page the quotes are escaped."""
    page = f"<!doctype html><!-- {MARK} --><p>{said('`lab runs`')} `lab runs`</p>"
    write(tmp_path / "a.html", page)
    write(tmp_path / "a.md", f"<!-- {MARK} -->\n`lab runs`")

    command = "lab runs --data &#x27;/x y&#x27;"
    assert f"<p><code>{command}</code> `{command}`</p>" in (tmp_path / "a.html").read_text()
    assert "`lab runs --data '/x y'`" in (tmp_path / "a.md").read_text()
