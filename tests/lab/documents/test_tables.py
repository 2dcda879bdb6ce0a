"""TOML files that people write are checked, and every wrong key is named with its file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.documents.tables import Table, check, nearest, parse, read_text
from lab.errors import ScenarioError


class Plan(Table):
    """A table to check against."""

    blocks: int
    target: float = 0.05


def test_a_table_that_is_right_becomes_its_model() -> None:
    """Defaults fill in what is left out."""
    assert check(Plan, parse("blocks = 4", Path("x.toml")), at="x.toml") == Plan(blocks=4, target=0.05)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "block = 4\nblocks = 4",
            "x.toml: unknown key 'block'; did you mean 'blocks'? known keys: blocks, target",
        ),
        ("target = 0.1", "x.toml: 'blocks' is missing"),
        ('blocks = "4"', "x.toml: 'blocks': wanted a whole number, found '4'"),
        ("blocks = 4\ntarget = inf", "x.toml: 'target': wanted a finite number, found inf"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(text: str, words: str) -> None:
    """With what was wanted and what was found."""
    with pytest.raises(ScenarioError) as caught:
        check(Plan, parse(text, Path("x.toml")), at="x.toml")
    assert str(caught.value) == words


def test_every_wrong_key_has_a_line_with_its_table() -> None:
    """Keys of several tables may be checked at once."""
    with pytest.raises(ScenarioError) as caught:
        check(Plan, {"blocks": "4", "targe": 1}, at="x.toml", tables={"blocks": "[plan]", "targe": "[gates]"})
    assert [line[:20] for line in str(caught.value).splitlines()] == [
        "x.toml: [plan] 'bloc",
        "x.toml: [gates] unkn",
    ]


def test_a_file_that_is_not_there_names_those_beside_it(tmp_path: Path) -> None:
    """Only those that have the table that was wanted."""
    (tmp_path / "decode.toml").write_text("[scenario]")
    (tmp_path / "quick.toml").write_text("[suite]")
    (tmp_path / "broken.toml").write_text("[")

    with pytest.raises(
        ScenarioError, match=r"decod\.toml: no such file; did you mean 'decode'\? known there: decode$"
    ):
        read_text(tmp_path / "decod.toml", "scenario")
    with pytest.raises(ScenarioError, match=r"known there: broken, decode, quick$"):
        read_text(tmp_path / "decod.toml")


def test_what_is_no_text_or_no_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    """A byte, or a line and a column."""
    path = tmp_path / "x.toml"
    path.write_bytes(b"a = \xff")

    with pytest.raises(ScenarioError, match=r"x\.toml: not UTF-8 text: invalid start byte at byte 4"):
        read_text(path)
    with pytest.raises(ScenarioError, match=r"x\.toml: not TOML: .*line 1, column 5"):
        parse("a = ]", path)


def test_only_a_close_word_is_suggested() -> None:
    """A guess that is far off would mislead."""
    assert nearest("decod", ["decode", "prefill"]) == "did you mean 'decode'? "
    assert nearest("xyz", ["decode", "prefill"]) == ""


def test_a_file_that_is_too_large_or_no_file_is_not_read(tmp_path: Path) -> None:
    """Before the first byte: it could be a pipe that nobody writes to, or terabytes of holes."""
    with (tmp_path / "giant.toml").open("wb") as giant:
        giant.truncate(10**12)
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "loop.toml").symlink_to("loop.toml")

    for name, words in [
        ("giant", "wanted at most 262,144 bytes, found 1,000,000,000,000"),
        ("pipe", "wanted a regular file, found a pipe"),
        ("loop", "Too many levels of symbolic links"),
    ]:
        with pytest.raises(ScenarioError, match=rf"{name}\.toml: could not be read: {words}; check the path"):
            read_text(tmp_path / f"{name}.toml")
    with pytest.raises(ScenarioError, match=r"known there: none; check the path$"):
        read_text(tmp_path / "missing.toml", "scenario")


def test_many_wrong_keys_and_long_values_are_told_briefly() -> None:
    """The first twenty, and the beginning of a value."""
    with pytest.raises(ScenarioError) as caught:
        check(Plan, {"blocks": "9" * 1000, **{f"key{i}": 1 for i in range(50)}}, at="x.toml")
    lines = str(caught.value).splitlines()

    assert len(lines) == 21
    assert lines[0] == f"x.toml: 'blocks': wanted a whole number, found '{'9' * 99}…"
    assert lines[20] == "x.toml: and 31 more"
