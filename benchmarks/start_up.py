"""CPU time of commands that only look: `lab --help`, `lab runs` and `lab show`, beside pip and an empty Python."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 15
"""Every command runs once a round, so that a busy spell of the machine meets all of them."""

RUNS, BLOCKS = 3, 5
"""Runs of the null scenario in the data root, and trials of each."""

LIMIT_S = 0.3
"""Claim: the median CPU time (user + system) of each command stays below this."""

LAB = (sys.executable, "-m", "lab.cli")
CLAIMED: Mapping[str, Sequence[str]] = {
    "lab --help": (*LAB, "--help"),
    "lab runs": (*LAB, "runs"),
    "lab show last": (*LAB, "show", "last"),
}
RIVALS: Mapping[str, Sequence[str]] = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "python -c 'import typer'": (sys.executable, "-c", "import typer"),
    "pip --version": (sys.executable, "-m", "pip", "--version"),
}
UNKEPT = "lab show last, not kept"
"""`lab show` of a run whose answer was removed: it computes the answer. Printed, not claimed."""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    cpu_s: float
    wall_s: float


def run(build: Path) -> bool:
    """Measure every command on a data root with runs of `build`; True if all claims are met."""
    with tempfile.TemporaryDirectory(prefix="pocketlab-start-up-") as name:
        root = Path(name)
        environment = {
            **os.environ,
            "POCKETLAB_DATA": str(root / "data"),
            "POCKETLAB_LOCK": str(root / "lock"),  # the benchmarks hold the machine's own
        }
        for _ in range(RUNS):
            cost((*LAB, "run", "null", "--build", str(build), "--blocks", str(BLOCKS)), environment)
        costs = measured(root / "data", environment)
    medians = {name: statistics.median(each.cpu_s for each in found) for name, found in costs.items()}
    for name, found in costs.items():
        ratios = ", ".join(f"{times(found, costs[rival]):.2f} x {rival}" for rival in RIVALS if rival != name)
        claim = ""
        if name in CLAIMED:
            claim = f" (claim: under {LIMIT_S} s: {'MET' if medians[name] < LIMIT_S else 'NOT MET'})"
        wall_s = statistics.median(each.wall_s for each in found)
        least_s = min(each.cpu_s for each in found)
        print(f"{name}: {medians[name]:.3f} s of CPU, least {least_s:.3f} s, wall {wall_s:.3f} s{claim}; {ratios}")
    return all(medians[name] < LIMIT_S for name in CLAIMED)


def times(ours: Sequence[Cost], theirs: Sequence[Cost]) -> float:
    """Return the median ratio of CPU times, round by round."""
    return statistics.median(a.cpu_s / b.cpu_s for a, b in zip(ours, theirs, strict=True))


def measured(data: Path, environment: Mapping[str, str]) -> dict[str, list[Cost]]:
    """Return the cost of every command, round by round; a first round, which compiles, does not count."""
    commands = {**CLAIMED, **RIVALS, UNKEPT: CLAIMED["lab show last"]}
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(1 + ROUNDS):
        for name, argv in commands.items():
            if name == UNKEPT:
                for path in data.glob("runs/*/answer.json"):
                    path.unlink()
            found[name].append(cost(argv, environment))
    return {name: each[1:] for name, each in found.items()}


def cost(argv: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command and return what it took; raise CalledProcessError if it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(argv, env=environment, check=True, capture_output=True)
    wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall_s)
