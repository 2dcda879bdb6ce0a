"""Shared by tests with a fake phone: a lab around it, a scenario about batches, and a script without faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from device_agents.contract import Input
from lab.builds.folder import open_build
from lab.device.fake.build import write_fake_build
from lab.device.fake.phone import FakePhone, Fault, fake_device
from lab.device.transport import Process
from lab.records import Run, Trial
from lab.run.bench import Bench
from lab.run.runner import open_run, run
from lab.scenario.load import load
from lab.scenario.plan import Scenario
from lab.store import Store


def batch_scenario(patches: str, *, warmup: int = 0, blocks: int, rest: str = "") -> str:
    """Return a scenario that sweeps patches per batch, two iterations a trial; `rest` comes behind its plan."""
    return f"""
[scenario]
name = "probe"
question = "Which batch is fastest?"
metric = "encode_s"
[workload]
kind = "encode_image"
pipelined = false
[sweep]
patches_per_batch = {patches}
[plan]
warmup = {warmup}
iterations = 2
blocks = {blocks}
timeout_s = 10
{rest}"""


def good(number: int) -> Fault:
    """Let nothing go wrong."""
    return "none"


@dataclass
class FakeTurn:
    """A device's turn that nobody contests; the journal says what was asked of it."""

    journal: list[str] = field(default_factory=list)
    number: int | None = 7
    lock: str | None = "/run/lock/fake"
    fence: int = 1

    def note(self, process: Process | None) -> None:
        """Write the agent into the journal."""
        self.journal.append(f"note {process.pid}" if process else "note none")

    def again(self) -> None:
        """Count the fence on."""
        self.fence += 1
        self.journal.append("take the lease again")


@contextmanager
def uncontested() -> Iterator[FakeTurn]:
    """Take a turn that nobody contests."""
    yield FakeTurn()


class FakeLab:
    """A fake phone, its turn, a stand-in build, a scenario and a store in a temporary folder.

    The phone's journal also says when its turn is taken, what is noted in it, when something is pushed, and when
    the turn is given back.
    """

    def __init__(self, folder: Path, toml: str, phone: FakePhone | None = None) -> None:
        write_fake_build(folder / "build")
        (folder / "probe.toml").write_text(toml)
        self.scenario: Scenario = load(folder / "probe.toml")
        self.phone = phone or FakePhone({})
        self.phone.inputs = {
            "screen": Input.model_validate_json((folder / "build/inputs/screen/input.json").read_bytes())
        }
        self.turn = FakeTurn(self.phone.journal)
        self.store = Store(folder / "data")
        self.bench = Bench(
            device=fake_device(self.phone),
            build=open_build(folder / "build"),
            store=self.store,
            clock=self.phone.clock,
            lease=self.lease,
            present=lambda held: self.phone.journal.append("push"),
        )

    @contextmanager
    def lease(self) -> Iterator[FakeTurn]:
        """Take the phone's turn."""
        self.phone.journal.append("take the lease")
        try:
            yield self.turn
        finally:
            self.phone.journal.append("give the lease back")

    def begin(self, *, seed: int = 7, memory: bool = False) -> Run:
        """Open a run."""
        return open_run(self.scenario, self.bench, seed=seed, suite="quick", line="fake", memory=memory)

    def go_on(self, record: Run) -> list[Trial]:
        """Measure what a run lacks."""
        return list(run(record, self.scenario, self.bench))

    def close(self) -> None:
        """Let go of the store's index."""
        self.store.close()


Asked = ParamSpec("Asked")
Made = TypeVar("Made", bound=FakeLab)


def making(lab: Callable[Asked, Made]) -> Iterator[Callable[Asked, Made]]:
    """Yield a function that makes labs, and close them all at the end: the body of a fixture."""
    made: list[Made] = []

    def make(*args: Asked.args, **kwargs: Asked.kwargs) -> Made:
        made.append(lab(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


TOML = batch_scenario("[1, 3]", warmup=1, blocks=2)


class ScriptedLab(FakeLab):
    """A lab whose phone plays a script."""

    def __init__(self, folder: Path, script: Callable[[int], Fault] = good, toml: str = TOML) -> None:
        super().__init__(folder, toml, FakePhone({}, script=script))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., ScriptedLab]]:
    """Make labs whose phones play scripts; they are closed at the end."""
    yield from making(partial(ScriptedLab, tmp_path))


class Wanderer(FakePhone):
    """A phone that comes back after the lab's patience has ended; what it ran goes on meanwhile."""

    away = 1

    def find(self, folder: str) -> Process | None:
        """The agent of the lost trial still runs."""
        return Process(2, started=2) if folder.endswith("-0002") and self.started == 3 else None

    def reconnect(self, *, timeout_s: float) -> None:
        """Stay away the first time."""
        if self.away:
            self.away -= 1
            super().reconnect(timeout_s=timeout_s)
        self.journal.append("is back")
