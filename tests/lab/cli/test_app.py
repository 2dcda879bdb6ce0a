"""The command `lab`: every command is documented, fails in one line, and works on a real data root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cli.app import COMMANDS
from lab.device.fake.build import write_fake_build
from lab.report.answer.saved import answer_of
from lab.store import Store
from tests.lab_process import null_scenario
from tests.saved_answers import saved_run

ROOT = Path(__file__).parents[3]


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name."""
    for name, command in COMMANDS.items():
        loaded = command.load(name)
        children = getattr(loaded, "commands", {})
        if not children or getattr(loaded, "invoke_without_command", False):
            yield f"lab {name}", loaded
        for child, found in children.items():
            yield f"lab {name} {child}", found


def lab(*arguments: str, data: Path, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `lab` as a person does."""
    environment = {
        **os.environ,
        "POCKETLAB_DATA": str(data),
        "POCKETLAB_LOCK": str(data / "lock"),
        "COLUMNS": "100",
        "POCKETLAB_ADB_SERVER": "none",  # no address: no server is asked, and none is started
    }
    return subprocess.run(
        [sys.executable, *python, "-m", "lab.cli", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value)[:30])
def test_every_command_is_explained_and_documented(name: str, command: Any) -> None:
    """Help, an example that begins with the command itself, and a heading in the handbook."""
    assert command.help
    assert f"`{name}" in (command.epilog or "")
    assert f"### `{name}`\n" in (ROOT / "docs/cli.md").read_text()
    assert all(getattr(parameter, "help", None) for parameter in command.params if parameter.name != "help")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_line_of_help_is_the_first_line_of_the_commands_own(name: str) -> None:
    """`lab --help` imports no command, so its lines stand twice; they must not drift apart."""
    own = COMMANDS[name].load(name).help

    assert own is not None
    assert COMMANDS[name].help == own.splitlines()[0]


HEAVY = {
    "adbutils",
    "alembic",
    "jinja2",
    "numpy",
    "pandas",
    "psutil",
    "pyarrow",
    "pydantic",
    "scipy",
    "sqlalchemy",
}
"""What the lab depends on and takes more than a tenth of a second of CPU time to import, or nearly."""

HEAVY_FOR_HELP = {*HEAVY, "rich"}


def imported(*arguments: str, data: Path) -> set[str]:
    """Return the packages that a command imports."""
    done = lab(*arguments, data=data, python=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    found = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "typer" in found
    return found


@pytest.mark.parametrize(
    ("arguments", "heavy"), [(("--help",), HEAVY_FOR_HELP), (("runs",), HEAVY), (("show",), HEAVY)]
)
def test_a_command_that_only_looks_imports_nothing_heavy(
    tmp_path: Path, arguments: tuple[str, ...], heavy: set[str]
) -> None:
    """Help, the list of runs, and an answer that was kept: this is what makes them start at once."""
    store = Store(tmp_path)
    answer_of(store, saved_run(store))
    store.close()

    assert not imported(*arguments, data=tmp_path) & heavy


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nothing"), "nothing.toml: no such file"),
        (("run", "vit_batch"), "make build"),
        (("run", "vit_batch", "--device", "toaster"), "POCKETLAB_ADB_SERVER is `none`"),
        (("devices", "connect", "a b"), "wanted an address"),
        (("probe", "toaster"), "POCKETLAB_ADB_SERVER is `none`"),
        (("run", "--resume"), "no unfinished run"),
        (("show", "abc"), "abc"),
        (("trace",), "no run yet"),
        (("explain", "--trial", "77", "--html", "why.html"), "leave --trial out"),
        (("builds", "show", "nothing"), "nothing"),
        (("builds", "add", "nowhere", "--line", "x"), "nowhere"),
        (("run", "--blocks", "0"), "blocks"),
    ],
)
def test_a_failure_is_one_message_and_status_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """No traceback: what was wanted and what to do, on stderr."""
    done = lab(*arguments, data=tmp_path)

    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_builds_are_added_listed_verified_and_become_a_baseline(tmp_path: Path) -> None:
    """The commands around a build, one after the other, on a stand-in."""
    write_fake_build(tmp_path / "fake")
    assert lab("builds", "add", str(tmp_path / "fake"), "--line", "fake-fp32", data=tmp_path).returncode == 0

    assert "fake-fp32" in lab("builds", "list", data=tmp_path).stdout
    assert "random (none: a stand-in for tests)" in lab("builds", "show", "fake-fp32", data=tmp_path).stdout
    assert "8 files are as the manifest says" in lab("builds", "verify", "fake-fp32", data=tmp_path).stdout
    assert lab("builds", "baseline", "fake-fp32", "fake-fp32", data=tmp_path).returncode == 0
    assert "*" in lab("builds", "list", data=tmp_path).stdout


def test_an_agent_that_cannot_work_fails_the_run_in_words(tmp_path: Path) -> None:
    """The real reference agent refuses a build that is no network: kept as invalid trials, status 2."""
    write_fake_build(tmp_path / "fake")

    (tmp_path / "nothing.toml").write_text(null_scenario("nothing", blocks=1))

    done = lab("run", str(tmp_path / "nothing.toml"), "--build", str(tmp_path / "fake"), data=tmp_path)

    assert done.returncode == 2
    assert "agent_error" in done.stderr


def test_devices_and_doctor_look_at_this_machine(tmp_path: Path) -> None:
    """The host is listed even where no adb server can be had; with no build the doctor says how to get one."""
    assert "host" in lab("devices", data=tmp_path).stdout

    doctor = lab("doctor", data=tmp_path)

    assert doctor.returncode == 2
    assert "missing  a build to measure: 0  ->  `make build` makes one; `lab builds add FOLDER" in doctor.stdout
