"""Running a module of another island as a process: the islands never import each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import device_agents

ROOT = str(Path(device_agents.__file__).parent.parent)
"""The folder that holds the islands' packages: an entry of PYTHONPATH."""


def command(module: str, *arguments: str | Path) -> list[str]:
    """Return the command that runs a module with this Python.

    With ``-P`` the folder it runs in is not searched for modules: it may be anybody's.
    """
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def run_module(
    module: str, *arguments: str | Path, timeout_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a module to its end and return its status and output, bytes that are not UTF-8 replaced.

    It inherits the environment. Raises `subprocess.TimeoutExpired`, and `ValueError` for an argument with a NUL
    character.
    """
    search = os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH", ""))))
    return subprocess.run(
        command(module, *arguments),
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=timeout_s,
    )


def message(done: subprocess.CompletedProcess[str], program: str) -> str:
    """Return why a module failed: the last line on stderr that is its program's own, else the last one."""
    said = [line for line in done.stderr.splitlines() if line.strip()] or [f"status {done.returncode}"]
    own = f"{program}: "
    return next((line for line in reversed(said) if line.startswith(own)), said[-1]).removeprefix(own)
