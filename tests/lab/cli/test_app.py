"""The command `lab`: every command is documented, fails in one line, and works on a real data root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from lab.cli import app
from lab.device.fake.build import write_fake_build
from tests.lab_process import null_scenario

ROOT = Path(__file__).parents[3]


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if not children:
            yield name, command
            return
        for child, found in children.items():
            yield from walk(f"{name} {child}", found)

    yield from walk("lab", typer.main.get_command(app))


def lab(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    """Run `lab` as a person does."""
    environment = {
        **os.environ,
        "POCKETLAB_DATA": str(data),
        "POCKETLAB_LOCK": str(data / "lock"),
        "COLUMNS": "100",
        "POCKETLAB_ADB_SERVER": "none",  # no address: no server is asked, and none is started
    }
    return subprocess.run(
        [sys.executable, "-m", "lab.cli", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value)[:30])
def test_every_command_is_explained_and_documented(name: str, command: Any) -> None:
    """Help, an example that begins with the command itself, and a heading in the handbook."""
    assert command.help
    assert f"`{name}" in (command.epilog or "")
    assert f"### `{name}`\n" in (ROOT / "docs/cli.md").read_text()
    assert all(getattr(parameter, "help", None) for parameter in command.params if parameter.name != "help")


def test_help_needs_nothing_heavy() -> None:
    """`lab --help` loads neither numpy nor the store, and nothing in the lab loads torch or the runtime."""
    code = "import sys, lab.cli; print([m for m in ('numpy', 'sqlalchemy', 'torch', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


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
