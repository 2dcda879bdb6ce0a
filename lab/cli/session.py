"""One `lab run`: scenarios one after the other on one device, and the scenario of a run to be resumed."""

from __future__ import annotations

import logging
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from rich.console import Console

from lab import inputs, runner, scenario
from lab.build import Build
from lab.cli.progress import shown
from lab.device import local, turn
from lab.device.transport import Device
from lab.errors import BuildError, DeviceRefused, PrepareError, RunError, ScenarioError
from lab.records import Run, Trial
from lab.scenario import SCENARIOS, Scenario
from lab.store import Store

log = logging.getLogger(__name__)

DEFAULT_BUILD = "nano-paper"
"""The line measured when none is named: the bundled model in the paper's precision."""


def connect(name: str) -> Device:
    """Return the device called `name`; version 0.1 knows this machine, `host`."""
    if name == "host":
        return local.connect()
    raise DeviceRefused(f"no device {name!r}; known: host (`lab devices` lists them)")


def bench_of(store: Store, device: str, build: str, wait_s: float, console: Console) -> runner.Bench:
    """Bring together what a run is measured with."""
    found = connect(device)
    try:
        package = store.find_build(build)
    except BuildError as error:
        if Path(build).is_dir():
            raise
        raise BuildError(f"{error}; `make build` makes the bundled reference model") from error
    return runner.Bench(
        device=found,
        build=package,
        store=store,
        clock=local.SystemClock(),
        lease=lambda: turn.measuring(
            turn.lock_path(), wait_s=wait_s, tell=lambda words: console.print(words, highlight=False)
        ),
    )


def with_image(
    bench: runner.Bench, scenarios: Sequence[Scenario], image: Path, instruction: str | None
) -> runner.Bench:
    """Return the bench with an input made of an image and an instruction; prepared while it is our turn.

    Raises `ScenarioError` when no scenario works on an input, and `PrepareError`.
    """
    if not any("input" in cell.parameters for chosen in scenarios for cell in chosen.cells):
        names = ", ".join(chosen.name for chosen in scenarios)
        raise ScenarioError(f"--image: scenario {names} works on no input; leave --image out")
    if not image.is_file():
        raise PrepareError(
            f"{str(image)!r}: wanted an image file; found no such file: give the path of an image file"
        )
    with bench.lease():
        log.info("preparing %s: the fp32 model of build %s says what is right", image, bench.build.id[:12])
        own = inputs.prepare(bench.store.root, bench.build, image, instruction or inputs.INSTRUCTION)
    return replace(bench, own_inputs={inputs.NAME: own})


def on_own_input(chosen: Scenario) -> Scenario:
    """Return the scenario with the user's own input in every cell that works on one."""
    cells = tuple(
        replace(cell, parameters={**cell.parameters, "input": inputs.NAME}) if "input" in cell.parameters else cell
        for cell in chosen.cells
    )
    if len({repr(sorted(cell.parameters.items())) for cell in cells}) < len(cells):
        raise ScenarioError(
            f"--image: scenario {chosen.name} compares inputs, and with yours in all of them its cells would be "
            "equal; leave --image out"
        )
    return replace(chosen, cells=cells)


def with_own_inputs(bench: runner.Bench, record: Run) -> runner.Bench:
    """Return the bench with the inputs a run was begun with that are the user's own, found by content id."""
    named = {str(cell.parameters["input"]) for cell in record.cells if "input" in cell.parameters}
    own: dict[str, inputs.OwnInput] = {}
    for name in sorted(named):
        found = inputs.find(bench.store.root, record.context.facts.get(f"input_{name}", "none"))
        if found is not None:
            own[name] = found
    return replace(bench, own_inputs=own)


def line_of(store: Store, build: Build, named: str) -> str:
    """Return the line a build is measured for: the one named, if it holds it; else the first that does.

    A build that was never added goes by its model and recipe.
    """
    rows = store.builds()
    if any((row.id, row.line) == (build.id, named) for row in rows):
        return named
    known = {row.id: row.line for row in reversed(rows)}
    return known.get(build.id, f"{build.manifest.model}-{build.manifest.recipe}")


def scenarios_of(name: str | None, suite: str | None, overrides: Mapping[str, int]) -> list[Scenario]:
    """Return the scenarios to run: one by name or path, or all of the suite.

    A suite's plan overrides the scenarios' own; a scenario named without a suite keeps its own.
    """
    chosen = None if suite is None else scenario.load_suite(SCENARIOS / f"{suite}.toml")
    plan = {**(chosen.plan if chosen else {}), **overrides}
    if name is None and chosen is not None:
        return [scenario.load(SCENARIOS / f"{each}.toml", plan=plan) for each in chosen.scenarios]
    if name is None:
        raise ScenarioError(
            "wanted a scenario or a suite, found neither: lab run vit_batch, or lab run --suite quick"
        )
    path = Path(name) if name.endswith(".toml") else SCENARIOS / f"{name}.toml"
    return [scenario.load(path, plan=plan)]


def unfinished(store: Store, text: str | None) -> Run:
    """Return the run to resume: by the start of its id, or the newest that is not finished."""
    if text not in {None, "last"}:
        record = store.run(str(text))
        if record.status == "finished":
            raise RunError(
                f"run {record.id} is finished: there is nothing to resume (`lab show {record.id[:13]}`)"
            )
        return record
    for record in store.runs(1000):
        if record.status != "finished":
            return record
    raise RunError("there is no unfinished run to resume (`lab runs` lists all)")


def scenario_of(record: Run) -> Scenario:
    """Return a saved run's scenario from its own copy, under the plan it was begun with."""
    facts = record.context.facts
    plan: dict[str, float | int] = {}
    try:
        plan |= scenario.load_suite(SCENARIOS / f"{record.suite}.toml").plan
    except ScenarioError:  # a suite that is gone cannot say its time-out: the scenario's own holds
        plan = {}
    plan |= {
        "warmup": int(facts["warmup"]),
        "iterations": int(facts["iterations"]),
        "blocks": record.blocks,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{record.scenario}.toml"
        path.write_text(record.scenario_toml, encoding="utf-8")
        return scenario.load(path, plan=plan)


def measure(record: Run, chosen: Scenario, bench: runner.Bench, console: Console) -> Run:
    """Measure what a run lacks, with progress, and return it as it was saved at the end."""
    total = len(record.cells) * record.blocks
    done = len(bench.store.trials(record.id))
    with (
        _terminable(),
        shown(console, chosen.name, total, done) as (watch, tell),
        closing(runner.run(record, chosen, bench, watch=watch)) as trials,
    ):
        for trial in trials:
            tell(trial)
    return bench.store.run(record.id)


def refuse_if_nothing_counts(store: Store, record: Run, trials: Sequence[Trial]) -> None:
    """Raise `RunError` for a run that is complete and answers nothing: not one of its trials is valid."""
    if not trials or any(trial.valid for trial in trials):
        return
    first = {trial.reason: trial for trial in reversed(trials)}
    words = "; ".join(f"{trial.cell}: {trial.reason}: {trial.detail}" for trial in first.values())
    folder = store.trial_folder(record.id, trials[0].number).parent
    raise RunError(
        f"run {record.id} of {record.scenario} on {record.device} is complete, and none of its {len(trials)} "
        f"trials counts. {words}. What the agents wrote lies in {folder}; put right what they say, then start "
        "a new run"
    )


def rest_of_suite(record: Run) -> list[str]:
    """Return the scenarios that come after a run's own in its suite."""
    try:
        names = scenario.load_suite(SCENARIOS / f"{record.suite}.toml").scenarios
    except ScenarioError:
        return []
    return list(names[names.index(record.scenario) + 1 :]) if record.scenario in names else []


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: the agent stopped, the run marked interrupted."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
