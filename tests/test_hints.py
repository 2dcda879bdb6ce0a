"""Every command that the lab prints for a person to paste is one that its command line takes."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cli.app import COMMANDS
from lab.cli.hints import WITHOUT_DATA
from tests.lab_process import ROOT

STANDS_FOR = {"RUN": "last", "N": "1", "SECONDS": "9", "ID": "0193"}
"""What a person puts in place of a word in capitals, where any word would not do."""


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every text of a module that may be printed, docstrings left out; a value in an f-string is 1."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))  # a docstring, or one below a constant
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in ast.walk(node) if part is not node}
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def hints() -> Iterator[tuple[str, str]]:
    """Yield (place, command) for each `lab …` and `make …` that a message holds."""
    names = "|".join(COMMANDS)
    quoted = re.compile(rf"`((?:lab (?:{names})|make [a-z])[^`]*)`")
    bare = re.compile(rf"(?:^|: |, |or |start with )(lab (?:{names})(?: [^`,;()]*)?)(?=$|[,;()])")
    for package in ("lab", "device_agents", "models"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for line, text in texts(path):
                place = f"{path.relative_to(ROOT)}:{line}"
                yield from ((place, found) for found in quoted.findall(text))
                yield from ((place, found.strip()) for found in bare.findall(re.sub("`[^`]*`", "", text)))


HINTS = list(hints())
LAB = [each for each in HINTS if each[1].startswith("lab ")]
MAKE = sorted({found for _, found in HINTS if found.startswith("make ")})


def test_there_are_hints_to_test() -> None:
    """An empty list would pass in silence."""
    assert len(LAB) > 50
    assert "make setup" in MAKE


@pytest.mark.parametrize(("place", "command"), LAB, ids=[f"{found} ({place})" for place, found in LAB])
def test_a_hint_is_understood_by_the_command_line(place: str, command: str) -> None:
    """The command and its options exist, and nothing that it needs is missing. Nothing is run."""
    words = [STANDS_FOR.get(word, word) for word in shlex.split(command, comments=True)[1:]]
    loaded = COMMANDS[words[0]].load(words[0])
    children = getattr(loaded, "commands", {})

    with loaded.make_context(words[0], list(words[1:]), resilient_parsing=False) as context:
        rest = [*context._protected_args, *context.args] if children else []
    if rest:
        children[rest[0]].make_context(rest[0], rest[1:])


@pytest.mark.parametrize("command", MAKE)
def test_a_verb_of_make_exists(command: str) -> None:
    """It can be planned; nothing is run."""
    planned = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert planned.returncode == 0, planned.stderr


def test_every_command_takes_the_data_root_or_is_known_not_to() -> None:
    """What is printed is completed with --data; a command that lacks it would refuse to be pasted."""
    lacking = set()
    for name, command in COMMANDS.items():
        loaded = command.load(name)
        found = [loaded, *getattr(loaded, "commands", {}).values()]
        if not any("--data" in parameter.opts for each in found for parameter in each.params):
            lacking.add(name)

    assert lacking == set(WITHOUT_DATA)


def test_a_command_stands_in_backticks() -> None:
    """Only so it is completed; the command line completes its own by itself."""
    names = "|".join(COMMANDS)
    bare = re.compile(rf"(?:: |, |or |start with )lab (?:{names})\b")
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "lab").rglob("*.py"))
        if path.parent.name != "cli"
        for line, text in texts(path)
        if bare.search(re.sub("`[^`]*`?", "", text))
    }

    assert found == set()


def test_a_comparison_is_told_with_its_scenario() -> None:
    """`lab compare A B` alone parses, and then asks for one."""
    alone = [found for _, found in LAB if re.match(r"lab compare \w+ \w+", found) and "--scenario" not in found]

    assert alone == []
