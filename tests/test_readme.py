"""The README promises commands and files; each is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lab.cli.app import COMMANDS as OF_LAB

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line.partition("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
MAKE = sorted({line for line in COMMANDS if re.match(r"make\b", line)})
LAB = sorted({line for line in COMMANDS if line.startswith(".venv/bin/lab ")})


@pytest.mark.parametrize("line", MAKE)
def test_every_make_line_is_a_verb_of_the_makefile(line: str) -> None:
    """It can be planned without complaint; nothing is run."""
    planned = subprocess.run(
        [*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert planned.returncode == 0, planned.stderr


@pytest.mark.parametrize("line", LAB)
def test_every_lab_line_is_one_the_command_understands(line: str) -> None:
    """The command line parses as it stands; nothing is run."""
    name, *arguments = shlex.split(line)[1:]

    OF_LAB[name].load(name).make_context(name, arguments)


def test_the_readme_has_commands_to_test() -> None:
    """An empty list would pass in silence."""
    assert "make run-scenario" in MAKE and "make test" in MAKE
    assert len(LAB) >= 5


def test_every_file_of_the_tree_exists() -> None:
    """The annotated tree is the tree."""
    tree = next(block for block in BLOCKS if block.startswith("Makefile "))
    folder = ROOT
    for line in tree.splitlines():
        names = re.split(r"  +", line.strip())[0].split()
        if not line.startswith(" "):
            folder = ROOT
        for name in names:
            assert (folder / name).exists(), f"{name} of {line!r}"
        if not line.startswith(" ") and line.split()[0].endswith("/"):
            folder = ROOT / line.split()[0]


def test_every_link_leads_to_a_file() -> None:
    """Relative links of the README."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
