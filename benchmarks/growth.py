"""CPU time of commands on a data root of 10, 100, 1000 and 5000 runs, and of a trial with a million events.

The runs are synthetic: one run of the null scenario, measured here, copied under new ids. The million events are
made-up spans of decoded tokens. Both say something about the lab's own work and nothing about a model.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.start_up import LAB, cost
from lab.identifiers import new_run_id
from lab.report.kept import ANSWER, EXPLANATION
from lab.store import Store

COUNTS = (10, 100, 1000, 5000)

BLOCKS = 5
"""Trials of the run that is copied."""

ROUNDS = 3
"""How often a command that only reads is run; the median is printed. The first `show` and `explain` of a run
compute what the others read: it is printed as `first`."""

LIMIT_S = 0.3
"""Claim: the CPU time (user + system) of a command that only reads, whatever the number of runs."""

EVENTS, EVENTS_LIMIT_S, EVENTS_LIMIT_MB = 1_000_000, 5.0, 500
"""Claim: what `lab explain` and `lab trace` of a trial of so many events take at most."""

READ: Mapping[str, Sequence[str]] = {
    "runs": ("runs",),
    "show": ("show", "last"),
    "builds list": ("builds", "list"),
    "explain": ("explain", "last"),
    "trace": ("trace", "last", "--out", os.devnull),
}
KEPT = ("show", "explain")
"""The commands that keep what they computed."""

MANY = 1000
"""Claim: catching up with at least so many runs costs less than rebuilding the index; fewer cost imports alone."""

CATCH_UP = """
import sys
from pathlib import Path
from lab.store import Store
print(len(Store(Path(sys.argv[1])).runs(1)))
"""
"""What a process does that needs the index: the first one adds what the index lacks."""

PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def run(build: Path) -> bool:
    """Print a row a number of runs, then the million events; True if all claims are met."""
    with tempfile.TemporaryDirectory(prefix="pocketlab-growth-") as name:
        root = Path(name)
        environment = {
            **os.environ,
            "POCKETLAB_DATA": str(root / "data"),
            "POCKETLAB_LOCK": str(root / "lock"),  # the benchmarks hold the machine's own
        }
        cost((*LAB, "run", "null", "--build", str(build), "--blocks", str(BLOCKS)), environment)
        (first,) = (root / "data" / "runs").iterdir()
        heads = ("empty Python", *READ, *(f"first {name}" for name in KEPT), "catch up", "reindex")
        print("CPU seconds".rjust(11) + "".join(head.rjust(15) for head in heads), flush=True)
        met = True
        for count in COUNTS:
            met = row(root / "data", first, count, environment) and met
        return million(root / "data", first, environment) and met


def row(data: Path, first: Path, count: int, environment: Mapping[str, str]) -> bool:
    """Grow the data root to so many runs and print what each command takes; True if the claims are met."""
    added = copies(first, count - len(list((data / "runs").iterdir())))
    catch_up_s = cost((sys.executable, "-c", CATCH_UP, str(data)), environment).cpu_s
    first_s = {name: cost((*LAB, *READ[name]), environment).cpu_s for name in KEPT}
    took = {
        name: statistics.median(cost((*LAB, *argv), environment).cpu_s for _ in range(ROUNDS))
        for name, argv in READ.items()
    }
    reindex_s = cost((*LAB, "reindex"), environment).cpu_s
    empty_s = statistics.median(cost((sys.executable, "-c", "pass"), environment).cpu_s for _ in range(ROUNDS))
    figures = (empty_s, *took.values(), *first_s.values(), catch_up_s, reindex_s)
    cells = "".join(f"{seconds:.2f}".rjust(15) for seconds in figures)
    print(f"{count} runs".rjust(11) + cells + f"   ({added} new to catch up with)", flush=True)
    return all(each < LIMIT_S for each in took.values()) and (added < MANY or catch_up_s < reindex_s)


def copies(first: Path, count: int) -> int:
    """Copy a run under so many new ids, its files as hard links but for what names the run; return the number."""
    for _ in range(count):
        run_id = new_run_id()
        folder = first.parent / run_id
        shutil.copytree(first, folder, copy_function=os.link, ignore=shutil.ignore_patterns(ANSWER, EXPLANATION))
        (folder / "run.json").unlink()  # a hard link
        text = (first / "run.json").read_text(encoding="utf-8").replace(first.name, run_id)
        (folder / "run.json").write_text(text, encoding="utf-8")
        (folder / "seal.json").unlink()  # it holds the sum of the first run's file
    return max(count, 0)


def million(data: Path, first: Path, environment: Mapping[str, str]) -> bool:
    """Give the first trial of a copy a million spans and end the copy; print what it costs to look at."""
    copies(first, 1)
    folder = max((data / "runs").iterdir())
    path = folder / "trials" / "0001" / "events.jsonl"
    hello, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = next(json.loads(line) for line in rest if '"iteration"' in line and '"phase"' in line)
    draw = random.Random(1)
    path.unlink()  # a hard link
    with path.open("w", encoding="utf-8") as file:
        file.write(hello)
        for number in range(EVENTS):
            span = {
                "event": "span", "stage": "decode", "iteration": whole["iteration"], "index": number,
                "parent": None, "start_ns": whole["start_ns"] + 1000 * number,
                "duration_ns": draw.randrange(10**6), "role": "npu", "unit": "cpu0", "thread": 1,
                "cpu_ns": draw.randrange(10**6), "count": {"true": 1, "padded": 1}, "source": "measured",
            }  # fmt: skip
            file.write(json.dumps(span) + "\n")
        file.writelines(rest)
    before = time.process_time()
    Store(data).finish_run(folder.name, "finished")
    ended_s = time.process_time() - before
    print(f"ending the run of a trial of {EVENTS} events: {ended_s:.1f} s of CPU, once", flush=True)
    met = True
    for name in ("explain", "trace"):
        argv = [sys.executable, "-c", PEAK, *LAB, *READ[name]]
        said = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True).stdout.split()
        seconds, megabytes = float(said[-2]), float(said[-1])
        good = seconds < EVENTS_LIMIT_S and megabytes < EVENTS_LIMIT_MB
        print(
            f"lab {name} of a trial of {EVENTS} events: {seconds:.1f} s of CPU, {megabytes:.0f} MiB at most "
            f"(claim: under {EVENTS_LIMIT_S:g} s and {EVENTS_LIMIT_MB} MiB: {'MET' if good else 'NOT MET'})",
            flush=True,
        )
        met = good and met
    return met
