"""Runs, trials, comparisons and builds to save, another process that saves, and every row of an index."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from device_agents.contract import InvalidReason
from lab.device.fake.build import write_fake_build
from lab.records import Cell, CellVerdict, Comparison, Context, Interval, Run, Trial
from lab.store import Store, tables

WRITER = """
import sys
from pathlib import Path
from lab.records import Trial
from lab.store import Store

store = Store(Path(sys.argv[1]), sys.argv[4] or None)
for number in range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[5])):
    samples = {"encode_s": tuple(float(number + i) for i in range(200))}
    store.save_trial(sys.argv[2], Trial(number, 0, "a", True, None, "", "2026-01-01T00:00:00.000Z", 1.0, samples))
    print(number, flush=True)
"""


def run_of(run_id: str = "018f0000-0000-7000-8000-000000000001", started: str = "2026-01-01T00:00:00.000Z") -> Run:
    """Return a run that has just begun."""
    return Run(
        id=run_id,
        scenario="vit_batch",
        suite="quick",
        build="b" * 64,
        build_line="nano-w4",
        device="host",
        started_utc=started,
        ended_utc=None,
        status="running",
        seed=2**70,
        blocks=6,
        context=Context({"device_kind": "host"}),
        cells=(Cell("a", {"patches_per_batch": 4, "pipelined": True, "share": 1.0, "input": "screen"}),),
        scenario_toml="# a question\n",
    )


def trial_of(number: int, *, valid: bool = True) -> Trial:
    """Return a trial of two metrics."""
    reason = None if valid else InvalidReason.WRONG_OUTPUT
    samples = {"encode_s": (1.0, 4.0, 2.0), "vit_s": (0.5, 0.5, 0.25)}
    return Trial(number, 0, "a", valid, reason, "", "2026-01-01T00:00:01.000Z", 9.5, samples, {"gap": 0.01})


def comparison_of(number: int, status: Literal["running", "finished"] = "finished") -> Comparison:
    """Return a comparison with a verdict and one that waits for its first pair."""
    change = Interval(1.05, 1.031, 1.07, 0.95, 8)
    return Comparison(
        id=f"018f0000-0000-7000-8000-00000000000{number}",
        dimension="build",
        scenario="vit_batch",
        metric="encode_s",
        device="host",
        baseline_run="a0",
        candidate_run="a1",
        started_utc=f"2026-01-0{number}T00:00:00.000Z",
        ended_utc=None,
        status=status,
        seed=2**70,
        looks_most=24,
        looks_first=6,
        budget_s=1800.0,
        differs={"build": ("b0", "b1")},
        cells=(
            CellVerdict("a", "regressed", change, 0.02, 0.001, 8, "regressed after 8 pairs"),
            CellVerdict("b", "cannot tell", None, None, 1.0, 0, "no pair yet"),
        ),
    )


def other_build(folder: Path, note: str) -> Path:
    """Write a build that differs from the fake one by a note."""
    write_fake_build(folder)
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"notes":[]', f'"notes":["{note}"]'))
    return folder


def write(store: Store, run_id: str, first: int, count: int, url: str = "") -> subprocess.Popen[str]:
    """Start another process that saves `count` trials from `first` on and prints each once it is saved."""
    argv = [sys.executable, "-c", WRITER, str(store.root), run_id, str(first), url, str(count)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def dump(store: Store, url: str = "") -> dict[str, list[tuple[object, ...]]]:
    """Return every row that the index holds of this root, by table, without the column that names the root."""
    store.runs()
    own = json.loads((store.root / "root.json").read_text())["id"]
    engine = sa.create_engine(url or f"sqlite:///{store.root / 'index.sqlite'}")
    with engine.connect() as connection:
        rows = {
            table.name.removeprefix(tables.PREFIX): [
                tuple(row)[1:]
                for row in connection.execute(
                    sa.select(table).where(table.c.root == own).order_by(*table.primary_key)
                )
            ]
            for table in tables.OWNED
        }
    engine.dispose()
    return rows


@contextmanager
def reopened(store: Store) -> Iterator[Store]:
    """Open the same store again, as another process would."""
    again = Store(store.root)
    yield again
    again.close()
