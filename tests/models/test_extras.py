"""Programs of models/ in a Python without the packages of the extras: one line says how to get them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = """
import runpy, sys
program, *missing = sys.argv.pop().split()
sys.modules.update(dict.fromkeys(missing))  # None: importing it raises ModuleNotFoundError
runpy.run_module(program, run_name="__main__", alter_sys=True)
"""


def run_without(program: str, missing: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m models.PROGRAM --help` where the modules of `missing` cannot be imported."""
    argv = [sys.executable, "-c", WITHOUT, "--help", f"models.{program} {missing}"]
    root = Path(__file__).parents[2]
    return subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("program", "missing", "extras"),
    [
        ("export", "torch onnx_ir PIL", "models"),
        ("export", "onnx_ir", "models"),
        ("prepare", "torch PIL", "models"),
        ("prepare", "PIL", "models"),
        ("gguf_export", "torch onnx_ir PIL gguf", "models,agents"),
        ("gguf_export", "gguf", "models,agents"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    program: str, missing: str, extras: str
) -> None:
    """One line on stderr and exit status 2, instead of a traceback."""
    done = run_without(program, missing)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{program}: wanted the modules torch, ")
    assert f"this Python ({sys.executable}) has no {', '.join(missing.split())}: " in line
    assert line.endswith(f"run `pip install 'pocketlab[{extras}]'` (in a checkout: `pip install '.[{extras}]'`)")


@pytest.mark.parametrize("program", ["export", "prepare", "gguf_export"])
def test_with_every_package_the_program_starts(program: str) -> None:
    """The check itself refuses nothing that is installed."""
    done = run_without(program, "")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python -m models.{program} ")
