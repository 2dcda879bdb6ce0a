"""One `lab run`: its devices, its benches, its scenarios, and the scenario of a run to be resumed."""

from __future__ import annotations

import getpass
import logging
import os
import platform
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

from pydantic import TypeAdapter
from rich.console import Console

from lab.builds import inputs
from lab.builds.folder import Build
from lab.cli.progress import Display
from lab.compare.acceptance import SUITE
from lab.device import cores as turn
from lab.device import local
from lab.device.care import prepare as care
from lab.device.cores import HOST
from lab.device.transport import Device, Process
from lab.device.vitals import look as vitals
from lab.errors import BuildError, DeviceError, PrepareError, RunError, ScenarioError
from lab.records import Profile, Run, Trial
from lab.run import fleet
from lab.run.bench import Bench, Senses
from lab.scenario import load as scenario
from lab.scenario.load import SCENARIOS, Scenario
from lab.store import Store

log = logging.getLogger(__name__)

DEFAULT_BUILD = "nano-paper"
"""The line measured when none is named: the bundled model in the paper's precision."""


def devices_of(store: Store, text: str, console: Console) -> list[Device]:
    """Connect to the devices that `text` means; adb is asked only when it means another than this machine.

    Raises `DeviceRefused` for one that is not there or cannot be used, with a list of what is attached.
    """
    if text.strip() == HOST:
        return [local.connect()]
    from lab.device import roster
    from lab.device.adb.transport import Server

    server = Server.from_environment()
    found = roster.choose(text, roster.look(server, store.root), tell=_teller(console))
    return [
        local.connect() if isinstance(each, str) else roster.connect(server, each, store.root / "agents")
        for each in found
    ]


def terms_of(store: Store, wait_s: float, console: Console) -> fleet.Terms:
    """Return on which terms devices' turns are taken: as this user on this machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        user = f"user {os.getuid()}"
    owner = f"{user}@{platform.node() or 'unnamed'} pid {os.getpid()}"
    return fleet.Terms(owner, wait_s, _teller(console), partial(_end_elsewhere, store))


def _teller(console: Console) -> Callable[[str], None]:
    return lambda words: console.print(words, markup=False, highlight=False, soft_wrap=True)


def _end_elsewhere(store: Store, name: str, process: Process) -> None:
    """End what a killed lab left on another device that shares our cores; one that is gone has ended it."""
    from lab.device import roster
    from lab.device.adb.transport import AdbTransport, Server

    try:
        server = Server.from_environment()
        for entry in roster.look(server, store.root):
            if entry.name == name and entry.found.state == roster.READY:
                log.warning("ending agent %d on %s, left behind by a lab that was killed", process.pid, name)
                AdbTransport(server, entry.found.serial).kill(process)
    except DeviceError as error:
        log.warning("what a killed lab may have left on %s could not be ended: %s", name, error)


def benches_of(
    store: Store,
    devices: Sequence[Device],
    build: str,
    terms: fleet.Terms,
    profile: Profile | None = "observe",
) -> list[Bench]:
    """Bring together what runs are measured with, one bench a device; refuses a profile it cannot have."""
    for device in devices:
        care.refuse_on_host(device, profile or "observe")
    try:
        package = store.find_build(build)
    except BuildError as error:
        if Path(build).is_dir():
            raise
        raise BuildError(f"{error}; `make build` makes the bundled reference model") from error
    return [
        Bench(
            device=device,
            build=package,
            store=store,
            clock=local.SystemClock(),
            lease=fleet.lease_of(device, terms),
            senses=Senses(vitals.look, vitals.begin, vitals.end),
            profile=profile,
            sleep=terms.nap,
            tell=terms.tell,
        )
        for device in devices
    ]


def with_image(
    benches: Sequence[Bench],
    scenarios: Sequence[Scenario],
    image: Path,
    instruction: str | None,
    wait_s: float,
) -> list[Bench]:
    """Return the benches with an input made of an image and an instruction; prepared in this machine's turn.

    Raises `ScenarioError` when no scenario works on an input, and `PrepareError`.
    """
    if not any("input" in cell.parameters for chosen in scenarios for cell in chosen.cells):
        names = ", ".join(chosen.name for chosen in scenarios)
        raise ScenarioError(f"--image: scenario {names} works on no input; leave --image out")
    if not image.is_file():
        raise PrepareError(
            f"{str(image)!r}: wanted an image file; found no such file: give the path of an image file"
        )
    store, build = benches[0].store, benches[0].build
    with turn.measuring(turn.lock_path(), wait_s=wait_s):
        log.info("preparing %s: the fp32 model of build %s says what is right", image, build.id[:12])
        own = inputs.prepare(store.root, build, image, instruction or inputs.INSTRUCTION)
    return [replace(bench, own_inputs={inputs.NAME: own}) for bench in benches]


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


def with_own_inputs(bench: Bench, record: Run) -> Bench:
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
        if record.comparison is not None:
            raise RunError(
                f"run {record.id} is a side of a comparison, which goes on as a whole: "
                f"lab compare --resume {record.comparison}"
            )
        if record.status == "finished":
            raise RunError(
                f"run {record.id} is finished: there is nothing to resume (`lab show {record.id[:13]}`)"
            )
        return record
    for record in store.runs(1000):
        if record.status != "finished" and record.comparison is None and record.suite != SUITE:
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
        "most": record.blocks,  # none more, unless the run says so: a side of a comparison has no loop of its own
        **{k: v for k in ("most", "target", "budget_s") if (v := getattr(record, k)) is not None},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{record.scenario}.toml"
        path.write_text(record.scenario_toml, encoding="utf-8")
        return scenario.load(path, plan=plan)


def profile_of(record: Run) -> Profile | None:
    """Return the profile a run was begun with; None for one from before there were profiles."""
    name = record.context.facts["profile"]
    return None if name == "none" else TypeAdapter[Profile](Profile).validate_python(name)


def measure(record: Run, chosen: Scenario, bench: Bench, console: Console) -> Run:
    """Measure what a run lacks, with progress, and return it as it was saved at the end."""
    with _terminable(), Display(console) as display:
        return fleet.carry_on(record, chosen, _pushing(bench, display), display)


@contextmanager
def at_work(bench: Bench, console: Console) -> Iterator[tuple[Bench, Display]]:
    """Show progress, let SIGTERM end the work as Ctrl-C does, and give the bench with a push that is shown."""
    with _terminable(), Display(console) as display:
        yield _pushing(bench, display), display


@contextmanager
def at_work_on(benches: Sequence[Bench], console: Console) -> Iterator[tuple[list[Bench], Display]]:
    """Do as :func:`at_work` does for several benches."""
    with _terminable(), Display(console) as display:
        yield [_pushing(bench, display) for bench in benches], display


def measure_all(
    benches: Sequence[Bench],
    scenarios: Sequence[Scenario],
    terms: fleet.Terms,
    begin: fleet.Begin,
    console: Console,
) -> list[fleet.Ended]:
    """Measure every scenario on every device, with progress, and return what became of each."""
    with _terminable(), Display(console) as display:
        shown = [_pushing(bench, display, terms.stop) for bench in benches]
        return fleet.measure(shown, scenarios, terms, begin=begin, show=display, stop=terms.stop)


def _pushing(bench: Bench, display: Display, stop: threading.Event | None = None) -> Bench:
    """Return the bench with a push that shows its progress and ends once `stop` is set; the host needs none."""
    if bench.device.scratch is None:
        return bench
    tell = display.sending(bench.device.identity.name)

    def progress(sent: int, total: int) -> None:
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        tell(sent, total)

    return replace(bench, present=fleet.present(bench, progress))


def refuse_if_nothing_counts(store: Store, record: Run, trials: Sequence[Trial]) -> None:
    """Raise `RunError` for a run that is complete and answers nothing: not one of its trials is valid."""
    if not trials or any(trial.valid for trial in trials):
        return
    first = {trial.reason: trial for trial in reversed(trials)}
    words = "; ".join(f"{trial.cell}: {trial.reason}: {trial.detail}" for trial in first.values())
    folder = store.trials_folder(record.id)
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
