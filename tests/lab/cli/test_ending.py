"""How `lab` ends when nobody reads its output, when it cannot be written, and when it can only be ASCII."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.app import COMMANDS
from lab.records import Verdict
from lab.store import Store
from tests.lab_process import COMMAND, ROOT
from tests.saved_answers import saved_run
from tests.saved_checks import CHECKED
from tests.saved_runs import comparison_of

RUNS = tuple(f"018f0000-0000-7000-8000-00000000001{number}" for number in (1, 2))
VERDICTS: Mapping[Verdict, int] = {"regressed": 1, "same": 0, "cannot tell": 0}
LOOKS: Sequence[tuple[str, ...]] = (
    ("runs",),
    ("show", RUNS[0]),
    ("show", *RUNS),
    ("show", RUNS[0], "--percentiles"),
    ("explain", RUNS[0]),
    ("explain", RUNS[0], "--trial", "1"),
    ("compare", "--resume", comparison_of(2).id),
    ("compare", "--runs", *RUNS),
    ("selfcheck", "--show"),
    ("builds", "list"),
    ("reindex",),
    ("doctor",),
)
"""What prints results without measuring."""


pytestmark = pytest.mark.slow  # some hundred processes

NOBODY = "| true"
"""A reader that ends at once, before Python has started: what is written then breaks the pipe."""


def helps() -> Iterator[tuple[str, ...]]:
    """Yield the help of every command."""
    yield ("--help",)
    for name, command in COMMANDS.items():
        yield (name, "--help")
        for child in getattr(command.load(name), "commands", {}):
            yield (name, child, "--help")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a data root with two runs, comparisons of each verdict, and a self-check."""
    folder = tmp_path_factory.mktemp("ending")
    store = Store(folder / "data")
    for minute, run_id in enumerate(RUNS):
        saved_run(store, run_id, minute)
    for number, verdict in enumerate(VERDICTS, start=1):
        found = comparison_of(number)
        cell = replace(found.cells[0], cell="null", verdict=verdict)
        store.save_comparison(
            replace(
                found,
                scenario="null",
                metric="null_s",
                baseline_run=RUNS[0],
                candidate_run=RUNS[1],
                differs={},
                cells=(cell,),
            )
        )
    store.save_selfcheck(CHECKED)
    store.close()
    return folder


def ended(folder: Path, arguments: Sequence[str], redirected: str, **variables: str) -> tuple[int, str, str]:
    """Run `lab` in a shell with `redirected` behind it; return its own status, its stdout and its stderr."""
    argv = [sys.executable, *COMMAND, *arguments]
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirected}; exit ${{PIPESTATUS[0]}}', "bash", *argv],
        cwd=folder,
        env={
            **os.environ,
            "POCKETLAB_DATA": str(folder / "data"),
            "POCKETLAB_LOCK": str(folder / "lock"),
            "POCKETLAB_ADB_SERVER": "none",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
            **variables,
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    assert "bug in" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [*LOOKS, *helps()], ids=" ".join)
def test_a_closed_pipe_is_no_regression(folder: Path, arguments: Sequence[str]) -> None:
    """Whatever the results say: 141 where nobody reads them."""
    gone, _, told = ended(folder, arguments, NOBODY)

    assert (gone, told) == (141, "")


@pytest.mark.parametrize("arguments", [*LOOKS, ("--help",), ("run", "--help")], ids=" ".join)
def test_a_full_disk_is_no_regression(folder: Path, arguments: Sequence[str]) -> None:
    """Whatever the results say: 2 and a reason where they cannot be written."""
    full, _, why = ended(folder, arguments, "> /dev/full")

    assert (full, why) == (2, "lab: the output could not be written: No space left on device\n")


@pytest.mark.parametrize("arguments", LOOKS, ids=" ".join)
def test_characters_that_cannot_be_written_are_replaced(folder: Path, arguments: Sequence[str]) -> None:
    """An output that holds only ASCII gets the same text and the same status."""
    plain, text, _ = ended(folder, arguments, "")
    c_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    variables = c_locale if arguments[0] == "show" else {"PYTHONIOENCODING": "ascii"}
    status, replaced, _ = ended(folder, arguments, "", **variables)

    assert status == plain
    assert text
    assert replaced.isascii()
    assert len(replaced.splitlines()) == len(text.splitlines())


@pytest.mark.parametrize(("number", "status"), list(enumerate(VERDICTS.values(), start=1)))
def test_only_a_regression_ends_with_1(folder: Path, number: int, status: int) -> None:
    """Its status stays when stdout is closed or messages cannot be written: neither is read."""
    arguments = ("compare", "--resume", comparison_of(number).id)

    assert ended(folder, arguments, "")[0] == status
    assert ended(folder, arguments, ">&-")[0] == status
    assert ended(folder, arguments, ">&- 2>&-")[0] == status
    assert ended(folder, arguments, "2> /dev/full")[0] == status
    assert ended(folder, arguments, "| true")[0] in {status, 141}


@pytest.mark.parametrize("redirected", ["", "| true", "> /dev/full", "2> /dev/full", ">&-", "2>&-"])
@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("run", "nothing"), ("runs", "--limit", "x"), ("explain", "x")]
)
def test_a_failure_stays_status_2(folder: Path, arguments: Sequence[str], redirected: str) -> None:
    """A wrong call and an error of the lab, wherever the output goes."""
    assert ended(folder, arguments, redirected)[0] == 2


MODULES = (
    "models.export",
    "models.prepare",
    "models.gguf_export",
    "device_agents.virtual_phone.__main__",
    "device_agents.native.build",
    "device_agents.adapters.llama_build",
    "device_agents.schema",
    "benchmarks.__main__",
    "benchmarks.selfcheck_farm",
)
"""What a person runs as `python -m`; agents and adapters, which the lab runs, end as PROTOCOL.md says."""


@pytest.mark.parametrize("module", MODULES)
def test_programs_that_are_run_as_modules_end_as_the_lab_does(module: str) -> None:
    """Their last line: importing torch for each of them takes too long to try all."""
    text = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text()

    assert text.splitlines()[-1].startswith("    ending.run(")
    assert "sys.exit(main" not in text


@pytest.mark.parametrize("module", ["device_agents.virtual_phone", "device_agents.schema"])
def test_a_module_never_ends_with_1(folder: Path, module: str) -> None:
    """Not on a closed pipe, on a full disk, or when it is called wrongly."""

    def status(arguments: str) -> int:
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m {module} {arguments}; exit ${{PIPESTATUS[0]}}"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode

    assert status(f"--help {NOBODY}") == 141
    assert status("--help > /dev/full") == 2
    assert status("--nonsense") == 2
