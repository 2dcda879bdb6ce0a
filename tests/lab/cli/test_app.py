"""The command `lab`: every command is documented, fails in one message, and starts at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cli.app import COMMANDS
from lab.report.answer.saved import answer_of
from lab.report.explain.saved import explained
from lab.store import Store
from tests.lab_process import COMMAND, ROOT, run_lab
from tests.saved_answers import saved_run


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name."""
    for name, command in COMMANDS.items():
        loaded = command.load(name)
        children = getattr(loaded, "commands", {})
        if not children or getattr(loaded, "invoke_without_command", False):
            yield f"lab {name}", loaded
        for child, found in children.items():
            yield f"lab {name} {child}", found


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
LOOK = ("runs", "show", "scenarios")


def imported(folder: Path, *arguments: str) -> set[str]:
    """Return the packages that a command imports."""
    done = run_lab(folder, arguments, python=("-X", "importtime", *COMMAND))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    found = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "typer" in found
    return found


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (("--help",), HEAVY_FOR_HELP),
        (("--version",), HEAVY_FOR_HELP),
        (("builds", "list"), HEAVY),
        *(((name,), HEAVY) for name in LOOK),
        (("explain", "last", "--trial", "1"), HEAVY),
        (("trace", "last", "--out", "trace.json"), HEAVY),
    ],
)
def test_a_command_that_only_looks_imports_nothing_heavy(
    tmp_path: Path, arguments: tuple[str, ...], heavy: set[str]
) -> None:
    """Help, lists, a trace, and what was kept of a run: this is what makes them start at once."""
    store = Store(tmp_path / "data")
    run = saved_run(store)
    (store.trial_folder(run.id, 1) / "events.jsonl").write_text(
        '{"event":"iteration","iteration":0,"phase":"measure","start_ns":0,"duration_ns":9}\n'
    )
    (store.trial_folder(run.id, 1) / "vitals.jsonl").write_text('{"boot_s":1.0}\n')
    answer_of(store, run)
    explained(store, run)
    store.close()

    own = [str(tmp_path / each) if each.endswith(".json") else each for each in arguments]
    assert not imported(tmp_path, *own) & heavy


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
        (
            ("--data", "X", "run"),
            "No such option: --data. A command's options go after its name: lab COMMAND --data",
        ),
        (("trace",), "no run, comparison or self-check yet"),
        (("explain", "--trial", "77", "--html", "why.html"), "leave --trial out"),
        (("builds", "show", "nothing"), "nothing"),
        (("builds", "add", "nowhere", "--line", "x"), "nowhere"),
        (("run", "--blocks", "0"), "blocks"),
    ],
)
def test_a_failure_is_one_message_and_status_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """No traceback: what was wanted and what to do, on stderr."""
    done = run_lab(tmp_path, arguments, variables={"POCKETLAB_ADB_SERVER": "none"})

    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
