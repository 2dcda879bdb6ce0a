"""A bench: everything a run is measured with, and the job of each of its trials."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from device_agents.contract import ForeignManifest, Input, Job
from lab.builds.folder import Build, load_input
from lab.builds.inputs import OwnInput
from lab.builds.questions import OwnQuestions
from lab.device.cores import Held
from lab.device.push import Package
from lab.device.transport import Clock, Device, Process
from lab.errors import DeviceError, ScenarioError
from lab.records import Cell, Profile, Run, Vitals
from lab.scenario.plan import Scenario
from lab.store import Store
from lab.trial import foreign
from lab.trial.job import Place, job_for

log = logging.getLogger(__name__)

SETTLE = Cell("settle", {"placement": "all"})
"""The uncounted first process of a start: the `load` workload on every core."""

BOOT_S = 10.0
"""How long a device may take to name its boot; a judgement: it reads one small file."""

Lease = Callable[[], AbstractContextManager[Held]]
"""How to take a device's turn; hold it while anything is done there."""


class Senses(Protocol):
    """A device's sensors, read once or by a sampler beside a trial; the module `lab.device.vitals.look` is one."""

    def look(self, device: Device) -> Vitals:
        """Read every sensor once."""
        ...

    def begin(self, device: Device, folder: str, bound_s: int) -> Process:
        """Start a sampler in `folder` on the device; it lives for `bound_s` at most."""
        ...

    def end(self, device: Device, process: Process, folder: str, target: Path) -> None:
        """End the sampler, and bring its samples to `target` on the host."""
        ...


@dataclass(frozen=True)
class Bench:
    """Everything a run is measured with; `lease` takes the device's turn.

    `own_inputs` are the user's own by name; they hide the build's inputs of the same name; `questions` are
    question sets by name. `present` brings build, inputs, `packages` and agent to the device, as far as they are
    missing there; the host reads them where they lie. Without `senses` nothing is known of temperatures and load,
    and no trial waits; without a `profile` the device is left as it is. `tell` reports in one line what a person
    is waiting for.
    """

    device: Device
    build: Build
    store: Store
    clock: Clock
    lease: Lease
    own_inputs: Mapping[str, OwnInput] = field(default_factory=dict)
    questions: Mapping[str, OwnQuestions] = field(default_factory=dict)
    packages: tuple[Package, ...] = ()
    present: Callable[[Held], None] = lambda held: None
    senses: Senses | None = None
    profile: Profile | None = None
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = log.info


@dataclass(frozen=True)
class Progress:
    """The trial being measured, how many the run has at least, and the iterations finished, warm-up included."""

    place: Place
    total: int
    iterations: int


Watch = Callable[[Progress], None]


def inputs_of(cells: tuple[Cell, ...], bench: Bench) -> dict[str, Input]:
    """Return the inputs that the cells name: the user's own, else the build's; leaves out any that neither has."""
    own = {name: given.document for name, given in bench.own_inputs.items()}
    brought = inputs_in(cells, bench.build, but=own)
    return {name: document for name, document in own.items() if name in _named(cells)} | brought


def inputs_in(cells: tuple[Cell, ...], build: Build, *, but: Collection[str] = ()) -> dict[str, Input]:
    """Return the inputs of a build that the cells name, without those called as in `but`."""
    return {name: load_input(build, name) for name in sorted(_named(cells) & set(build.inputs) - set(but))}


def _named(cells: tuple[Cell, ...]) -> set[str]:
    return {str(cell.parameters["input"]) for cell in cells if "input" in cell.parameters}


def job_of(
    record: Run,
    place: Place,
    scenario: Scenario,
    bench: Bench,
    inputs: Mapping[str, Input],
    *,
    iterations: int | None = None,
    pilot: bool = False,
) -> Job:
    """Return the job of a trial, or of its pilot; raises `ScenarioError` and `DeviceRefused` as `job_for` does."""
    settle, manifest = place.cell is SETTLE, bench.build.manifest
    cell, kind = place.cell, "load" if settle else scenario.kind
    if settle and isinstance(manifest, ForeignManifest):
        cell, kind = foreign.SETTLE, "prefill"
    warmup, count = scenario.plan.warmup, iterations or scenario.plan.iterations
    if kind == "evaluate":  # an iteration is a question
        warmup, count = 0, len(questions_of(cell, bench).key.expected)
    return job_for(
        cell,
        kind=kind,
        trial=trial_name(record.id, place.number, pilot=pilot),
        build=_build_folder(bench),
        manifest=manifest,
        inputs=inputs,
        device=bench.device.identity,
        warmup=0 if settle else warmup,
        iterations=1 if settle else count,
        own_inputs={name: _input_folder(bench, own) for name, own in _own(bench)},
        memory_pass=place.purpose == "memory",
        inject=None if settle else record.inject,
    )


def questions_of(cell: Cell, bench: Bench) -> OwnQuestions:
    """Return the question sets that a cell works on; raises `ScenarioError` when the bench has none."""
    name = str(cell.parameters.get("questions"))
    if name not in bench.questions:
        raise ScenarioError(
            f"cell {cell.key}: wanted the questions {name!r}, found none: `lab run accuracy` makes them, and "
            "--questions FILE takes yours"
        )
    return bench.questions[name]


def boot_of(bench: Bench) -> str:
    """Return the device's own name of the boot that it is in; empty if it does not say."""
    try:
        done = bench.device.transport.shell(["cat", "/proc/sys/kernel/random/boot_id"], timeout_s=BOOT_S)
    except DeviceError as error:
        log.info("%s: did not name the boot that it is in: %s", bench.device.identity.name, error)
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def trial_name(run_id: str, number: int, *, pilot: bool = False) -> str:
    """Return the name of a trial, or of its pilot, on a device."""
    return f"{run_id}-{number:04d}{'-pilot' if pilot else ''}"


def _own(bench: Bench) -> list[tuple[str, OwnInput | OwnQuestions]]:
    return [*bench.own_inputs.items(), *bench.questions.items()]


def _build_folder(bench: Bench) -> str:
    """Return the build's folder on the device: where it lies on the host, elsewhere where it was pushed."""
    if bench.device.scratch is None:
        return str(bench.build.folder.absolute())
    return f"{bench.device.scratch}/builds/{bench.build.id}"


def _input_folder(bench: Bench, own: OwnInput | OwnQuestions) -> str:
    """Return the folder of an input or of questions on the device, as :func:`_build_folder` does."""
    if bench.device.scratch is None:
        return str(own.folder.absolute())
    return f"{bench.device.scratch}/inputs/{own.id}"
