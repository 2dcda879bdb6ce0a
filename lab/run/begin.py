"""The runs that one command begins."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from lab.records import Run
from lab.run.bench import Bench
from lab.run.benches import line_of
from lab.run.runner import open_run
from lab.scenario.plan import Scenario


@dataclass
class Beginner:
    """Writes new runs of a suite down and remembers them; each has its own random seed unless `seed` is given.

    `night` is the id of the night that they belong to.
    """

    suite: str
    line: str
    seed: int | None = None
    memory: bool = False
    night: str | None = None
    begun: list[tuple[Run, Bench]] = field(default_factory=list)

    def __call__(self, chosen: Scenario, bench: Bench) -> Run:
        """Write a run down; raises as :func:`lab.run.runner.open_run` does."""
        run = open_run(
            chosen,
            bench,
            seed=secrets.randbelow(2**31) if self.seed is None else self.seed,
            suite=self.suite,
            line=line_of(bench.store, bench.build, self.line),
            memory=self.memory,
            night=self.night,
        )
        self.begun.append((run, bench))
        return run
