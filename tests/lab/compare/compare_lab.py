"""A lab that compares two builds on a fake phone, shared by the tests of comparisons."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from device_agents.contract import Job
from lab.builds.folder import open_build
from lab.compare.acceptance import Reference, key_of, remember
from lab.compare.comparison import Side, measure, open_comparison
from lab.device.fake.build import write_fake_build
from lab.device.fake.phone import FakePhone, Fault
from lab.device.transport import Process
from lab.records import Comparison, Dimension
from lab.report.verdict.view import View, view
from tests.fake_lab import FakeLab, batch_scenario, good, making

TOML = batch_scenario("[3]", blocks=4)
BOOT = "cat /proc/sys/kernel/random/boot_id"


class Liar(FakePhone):
    """A phone whose agent answers wrongly on the build `lies_about`, once it has settled."""

    lies_about = "none"

    def start(self, argv: Sequence[str], *, folder: str, **rest: Any) -> Process:
        """Look at the job first."""
        if self.lies_about in self.files[f"{folder}/job.json"].decode() and not folder.endswith("-0000"):
            self.script = lambda number: "wrong_output"
        elif self.lies_about != "none":
            self.script = good
        return super().start(argv, folder=folder, **rest)


class Lab(FakeLab):
    """A fake phone and two builds; `slower` is how much slower the candidate's stages are."""

    phone: Liar

    def __init__(self, folder: Path, script: Callable[[int], Fault] = good, toml: str = TOML) -> None:
        self.slower, self.noise = 1.0, 0.0
        super().__init__(folder, toml, Liar({}, script, self.stage_s, {BOOT: "boot-1\n"}))
        write_fake_build(folder / "b")
        path = folder / "b/manifest.json"
        path.write_text(path.read_text().replace('"notes":[]', '"notes":["tonight"]'))
        tonights = open_build(folder / "b")
        self.candidate_id, self.benches = tonights.id, [self.bench, replace(self.bench, build=tonights)]

    def stage_s(self, job: Job) -> float:
        """Noise by the trial alone; the candidate's build takes `slower` times as long."""
        noise = random.Random(job.trial[-4:] + job.build[-8:]).gauss(1.0, self.noise) if self.noise else 1.0
        return 0.010 * noise * (self.slower if self.candidate_id in job.build else 1.0)

    def sides(self) -> tuple[Side, Side]:
        """Return yesterday's build and tonight's."""
        first, second = (Side(self.scenario, bench, "fake") for bench in self.benches)
        return first, second

    def accepted(self, boot: str = "boot-1") -> None:
        """Have the phone accepted in this boot already."""
        build = self.benches[0].build.id
        known = Reference(
            device="fake", build=build, median_s=0.01, accepted_utc="2026-01-01T00:00:00Z", boot=boot
        )
        remember(self.benches[0], key_of(self.benches[0]), known)

    def compare(self, dimension: Dimension = "build", budget_s: float = 1800.0) -> Comparison:
        """Compare the two builds to the end."""
        self.accepted()
        first, second = self.sides()
        comparison, _, _ = open_comparison(
            baseline=first, candidate=second, dimension=dimension, seed=5, budget_s=budget_s
        )
        for _ in measure(comparison, first, second):
            pass
        return self.store.comparison(comparison.id)

    def order(self, comparison: Comparison) -> str:
        """Return the sides in the order they were measured."""
        sides = {"A": comparison.baseline_run, "B": comparison.candidate_run}
        begun = [
            (trial.started_utc, side) for side, run_id in sides.items() for trial in self.store.trials(run_id)
        ]
        return "".join(side for _, side in sorted(begun))

    def told(self, comparison: Comparison) -> View:
        """Return what is printed of a comparison."""
        runs = [self.store.run(each) for each in (comparison.baseline_run, comparison.candidate_run)]
        first, second = ((found, self.store.trials(found.id)) for found in runs)
        return view(comparison, first, second)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Make labs that are closed at the end."""
    yield from making(partial(Lab, tmp_path))
