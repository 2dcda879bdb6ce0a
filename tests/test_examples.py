"""The examples that run pocketlab every night name commands and options that exist."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli.app import app
from lab.report.answer.saved import known_literature
from lab.report.answer.standing import matches
from lab.scenario.load import load

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples/nightly"
COMMANDS = [
    (path.name, command.group(0))
    for path in sorted(EXAMPLES.iterdir())
    for command in re.finditer(r"(?<=\.venv/bin/)lab nightly[^\n>]*", path.read_text(encoding="utf-8"))
]


def test_every_kind_of_example_runs_a_night() -> None:
    """The timer's service, the crontab and the workflow."""
    assert {name for name, _ in COMMANDS} == {"pocketlab-nightly.service", "crontab", "workflow.yml"}


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_an_examples_command_has_only_options_that_exist(name: str, command: str) -> None:
    """Its help knows each of them, and the files that it names are there."""
    words = shlex.split(command)[1:]
    group = words[:2] if words[1:2] == ["report"] else words[:1]
    shown = CliRunner().invoke(app, [*group, "--help"]).output

    for word in words[len(group) :]:
        if word.startswith("--"):
            assert word in shown, f"{name}: {word}"
        elif word.endswith(".toml"):
            assert (EXAMPLES.parents[1] / word).is_file()


def test_the_timer_and_its_service_are_units() -> None:
    """They parse, and the timer's name is the service's; systemd checks them too where it is installed."""
    service, timer = (EXAMPLES / f"pocketlab-nightly.{kind}" for kind in ("service", "timer"))
    units = {path.suffix: configparser.ConfigParser(interpolation=None, strict=False) for path in (service, timer)}
    for path in (service, timer):
        assert units[path.suffix].read(path)

    assert units[".service"]["Service"]["SuccessExitStatus"] == "1"
    assert units[".timer"]["Timer"]["OnCalendar"] == "*-*-* 02:00:00"
    if analyse := shutil.which("systemd-analyze"):
        done = subprocess.run(
            [analyse, "calendar", "*-*-* 02:00:00"], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr


def test_the_crontab_line_has_five_times_and_a_command() -> None:
    """Cron would mail an error every minute otherwise."""
    (line,) = [
        line
        for line in (EXAMPLES / "crontab").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]

    assert re.fullmatch(r"0 2 \* \* \* cd /srv/pocketlab && \S+ nightly .*--resume", line)


@pytest.mark.parametrize("name", ["prefill_tokens", "decode"])
def test_the_scenarios_for_large_decoders_measure_the_rivals_figures(name: str) -> None:
    """One cell each, of the bundled scenario's name, which the published figure is about."""
    (cell,) = load(ROOT / f"examples/large/{name}.toml").cells

    (figure,) = [each for each in known_literature().figures if each.runtime and each.scenario == name]
    assert matches(figure, cell)
