"""The README promises commands and files; each is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lab.cli.app import COMMANDS as OF_LAB
from tests.lab_process import Lab

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


ONE_CELL = """
[scenario]
name = "steps"
question = "How long does a short prefill take?"
metric = "prefill_s"
[workload]
kind = "prefill"
input = "screen"
prompt_tokens = 32
parallel_tokens = 32
[plan]
warmup = 0
iterations = 2
blocks = 1
[gates]
start = "never"
max_gap = 0.9
"""
ELSEWHERE = ("compare", "selfcheck", "bench", "build", "nightly", "nightly-demo")
"""Steps that take minutes; tests of their own measure them, shorter."""


def test_the_next_steps_work_in_their_order(lab: Lab, tmp_path: Path, tiny_build: Path) -> None:
    """Each as it stands, on a tiny build and with the shortest run in place of the first."""
    (tmp_path / "steps.toml").write_text(ONE_CELL)
    next_steps = README.partition("## Next steps")[2].partition("```\n")[2].partition("```")[0]
    steps = [shlex.split(line, comments=True) for line in next_steps.splitlines()]
    steps = [words for words in steps if words[1:] and not set(words) & set(ELSEWHERE)]
    assert [words[1] for words in steps][:5] == ["run-scenario", "show", "explain", "trace", "profile"]

    for words in steps:
        named = {name: str(tmp_path / name) for name in ("report.html", "site")}
        command = [named.get(word, word) for word in words[1:]]
        if words[0] == "make":
            command = ["run", str(tmp_path / "steps.toml"), "--build", str(tiny_build)]
        command += ["--build", str(tiny_build)] if words[1] == "profile" else []
        command += ["--out", str(tmp_path / "trace.json")] if words[1] == "trace" else []
        done = lab(*command)

        missing = words[1] == "doctor" and "a build to measure" in done.stdout  # none was added to the data root
        assert done.returncode == (2 if missing else 0), (command, done.stdout, done.stderr)
    assert "<svg" in (tmp_path / "report.html").read_text()


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
