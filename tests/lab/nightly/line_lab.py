"""A fake phone and a line of builds, one of which introduced a slow-down."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from device_agents.contract import Job
from lab.builds.folder import Build, open_build
from lab.compare.comparison import Side, measure
from lab.nightly.bisect import Asked, Bisection, bisect
from lab.records import BuildAt, Comparison
from lab.scenario.plan import Scenario
from tests.fake_lab import making
from tests.lab.compare.compare_lab import TOML, Lab
from tests.saved_runs import other_build


class LineLab(Lab):
    """Builds r0, r1, …: those from `first_bad` on take 10 % longer; `noise_of` is the spread of each.

    `measured` is the journal of builds that were compared; `cut` interrupts after so many pairs in all.
    """

    def __init__(self, folder: Path, *, count: int = 8, first_bad: int = 5, toml: str = TOML) -> None:
        self.line: list[Build] = []
        super().__init__(folder, toml=toml)
        self.line = [open_build(other_build(folder / f"r{n}", f"r{n}")) for n in range(count)]
        self.factor = {build.id: 1.10 if n >= first_bad else 1.0 for n, build in enumerate(self.line)}
        self.noise_of = dict.fromkeys(range(count), 0.0)
        self.measured: list[str] = []
        self.cut = 10**6
        for build in self.line:
            self.benches[0] = replace(self.bench, build=build)
            self.accepted()

    def stage_s(self, job: Job) -> float:
        """Return the time of a stage in the build of a job."""
        at = next((n for n, build in enumerate(self.line) if build.id in job.build), None)
        if at is None:
            return 0.010
        noise = random.Random(f"{job.trial[-4:]}{at}").gauss(1.0, self.noise_of[at])
        return 0.010 * noise * self.factor[self.line[at].id]

    def asked(self, first: int = 0, last: int | None = None, metric: str = "encode_s") -> Asked:
        """Return the question between two builds of the line."""
        places = range(first, len(self.line) if last is None else last + 1)
        builds = tuple(BuildAt(self.line[at].id, "fake", at) for at in places)
        return Asked(builds, self.scenario, metric, 36000.0, 5)

    def pair(self, baseline: str, candidate: str, scenario: Scenario, keep: str) -> tuple[Side, Side]:
        """Return the sides of a comparison."""
        known = {build.id: build for build in self.line}
        first, second = (
            Side(scenario, replace(self.bench, build=known[each]), "fake") for each in (baseline, candidate)
        )
        return first, second

    def measure(self, comparison: Comparison, baseline: Side, candidate: Side) -> None:
        """Measure to the end, unless it is cut."""
        self.measured.append(f"r{[build.id for build in self.line].index(candidate.bench.build.id)}")
        for _ in measure(comparison, baseline, candidate):
            self.cut -= 1
            if not self.cut:
                raise KeyboardInterrupt

    def find(self, asked: Asked | None = None) -> Bisection:
        """Bisect."""
        return bisect(self.store, asked or self.asked(), self.pair, measured=self.measure)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Callable[..., LineLab]]:
    """Make labs with a line of builds, and close them."""
    yield from making(partial(LineLab, tmp_path))
