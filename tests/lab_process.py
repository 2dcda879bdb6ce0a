"""The command `lab` as a process, the way a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[1]

Lab = Callable[..., "subprocess.CompletedProcess[str]"]

COMMAND = ("-m", "lab.cli")


def null_scenario(name: str, *, blocks: int, iterations: int = 2, timeout_s: int = 60) -> str:
    """Return a scenario file in which nothing is done: what is left is the lab's own work."""
    return f"""
[scenario]
name = "{name}"
question = "What does the lab cost?"
metric = "null_s"
[workload]
kind = "null"
[plan]
warmup = 0
iterations = {iterations}
blocks = {blocks}
timeout_s = {timeout_s}
[gates]
max_gap = 0.99
start = "never"
"""


def run_lab(
    folder: Path,
    arguments: Sequence[str | Path],
    *,
    data: Path | None = None,
    python: Sequence[str] = COMMAND,
    variables: Mapping[str, str] = MappingProxyType({}),
    timeout_s: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `lab` with the data root `data` (or one in `folder`) and a lock in `folder`; wait for its end."""
    environment = {
        **os.environ,
        "POCKETLAB_DATA": str(data or folder / "data"),
        "POCKETLAB_LOCK": str(folder / "lock"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        **variables,
    }
    argv = [sys.executable, *python, *map(str, arguments)]
    return subprocess.run(
        argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=timeout_s
    )
