"""Apache Otava 0.8.0 on the same nightly series, counted by the same code, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import changes, noise
from benchmarks.noise import Floats

RIVAL = "apache-otava==0.8.0"
SETTINGS = {"Otava, default": (50, 0.001, 0.0), "Otava, tuned": (50, 1e-5, 0.02)}
"""Name -> window, p, magnitude: the tool's defaults, and settings that suit these data better."""

ASKED = """
import json, sys
from otava.analysis import compute_change_points

window, p, magnitude, batch = json.load(sys.stdin)
print(json.dumps([
    [int(point.index) for point in compute_change_points(values, window, p, magnitude)[0]] for values in batch
]))
"""


def reported(python: Path, settings: tuple[int, float, float], batch: Sequence[Floats]) -> list[list[int]]:
    """Report the change points that Otava finds in each series: lists, because it does not cut long arrays."""
    asked = json.dumps([*settings, [values.tolist() for values in batch]])
    answer = subprocess.run([python, "-c", ASKED], input=asked, capture_output=True, text=True, check=True)
    found: list[list[int]] = json.loads(answer.stdout)
    return found


def run() -> bool:
    """Print the tables; True always, because this makes no claim about another tool."""
    folder = noise.development_data()
    if folder is None:
        print(noise.absent())
        return True
    with tempfile.TemporaryDirectory() as home:
        python = Path(home) / "bin" / "python"
        try:
            subprocess.run([sys.executable, "-m", "venv", home], check=True, capture_output=True, text=True)
            subprocess.run(
                [python, "-m", "pip", "install", "-q", RIVAL], check=True, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as error:
            print(f"  skipped: cannot install {RIVAL}: {(error.stderr or '').strip()[-300:]}")
            return True
        changes.compare({name: partial(reported, python, each) for name, each in SETTINGS.items()}, folder)
    return True
