"""Warm-up: the start of the steady part, found from a trial's own iterations, against labelled processes.

Uses the development data's sixty JMH benchmarks x ten processes x 3,000 points with algorithmic labels; and
online, only the first 30, 100 and 300 points.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import noise
from benchmarks.noise import Floats
from lab.stats.steady import Steady, steady

PREFIXES = (30, 100, 300)
NEAR = 0.01
SETTLED_POINTS = 10
"""A prefix counts as settled if it contains this many points of the labelled steady part."""


@dataclass(frozen=True)
class Process:
    """One process: its points in seconds, and the labelled index of the first steady one (-1: never)."""

    seconds: Floats
    label: int

    @property
    def truth(self) -> float:
        """Return the median seconds of the labelled steady part."""
        return float(np.median(self.seconds[self.label :]))


def processes(folder: Path) -> Iterator[Process]:
    """Yield all labelled processes."""
    labels = json.loads((folder / "warmup_dev_labels.json").read_text(encoding="utf-8"))
    with np.load(folder / "warmup_dev.npz") as arrays:
        for name, runs in zip(arrays["names"].tolist(), arrays["seconds"].astype(np.float64), strict=True):
            for seconds, label in zip(runs, labels[name]["steady_start"], strict=True):
                yield Process(seconds, int(label))


def off(found: Steady, process: Process) -> float:
    """Return the log distance of our steady level from the labelled one; infinite if we found none."""
    return abs(np.log(found.level / process.truth)) if found.level else float("inf")


def share(flags: Sequence[bool]) -> str:
    """Return the share of True as ``0.840 of 532``."""
    return f"{np.mean(flags):.3f} of {len(flags)}" if flags else "- of 0"


def whole(all_of_them: Sequence[Process]) -> bool:
    """Judge whole series; True if 80 % of the settling ones come near and 80 % of the others are found."""
    found = [steady(process.seconds.tolist()) for process in all_of_them]
    settling = [(f, p) for f, p in zip(found, all_of_them, strict=True) if p.label >= 0]
    never = [f.state == "never steady" for f, p in zip(found, all_of_them, strict=True) if p.label < 0]
    near = [off(f, p) <= NEAR for f, p in settling]
    claimed = [p.label < 0 for f, p in zip(found, all_of_them, strict=True) if f.state == "never steady"]
    met = float(np.mean(near)) >= 0.8 and float(np.mean(never)) >= 0.8
    print(
        f"  steady level within 1 %: {share(near)} settling (>= .8); within 5 %: "
        f"{share([off(f, p) <= 0.05 for f, p in settling])}"
    )
    print(
        f"  never settles, found: {share(never)} (>= .8); correct when claimed: {share(claimed)}; "
        f"settling ones not called steady: {share([f.state != 'steady' for f, _ in settling])}"
    )
    found_near = [off(f, p) <= NEAR for f, p in settling if f.level]
    print(f"  where we give a level, within 1 %: {share(found_near)}{'' if met else ' NOT MET'}")
    return met


def online(all_of_them: Sequence[Process], length: int) -> None:
    """Judge only the first `length` points: print the share called steady too early, and the share missed."""
    found = [steady(process.seconds[:length].tolist()) for process in all_of_them]
    pairs = list(zip(found, all_of_them, strict=True))
    settled = [(f, p) for f, p in pairs if 0 <= p.label <= length - SETTLED_POINTS]
    not_yet = [f.state == "steady" for f, p in pairs if p.label < 0 or p.label > length - SETTLED_POINTS]
    said = [(f, p) for f, p in pairs if f.state == "steady" and p.label >= 0]
    print(
        f"  first {length}: settled and called steady {share([f.state == 'steady' for f, _ in settled])}; "
        f"not settled yet but called steady {share(not_yet)}"
    )
    print(
        f"    levels given (of processes that settle at some point) within 1 %: "
        f"{share([off(f, p) <= NEAR for f, p in said])}; within 5 %: {share([off(f, p) <= 0.05 for f, p in said])}"
    )


def run() -> bool:
    """Print the figures; True if the required shares are met, or the development data are absent."""
    folder = noise.development_data()
    if folder is None:
        print(noise.absent())
        return True
    all_of_them = list(processes(folder))
    met = whole(all_of_them)
    for length in PREFIXES:
        online(all_of_them, length)
    return met
