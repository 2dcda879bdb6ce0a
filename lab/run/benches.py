"""Make benches from what a person named: devices, a build, an image."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lab.builds import inputs, questions
from lab.builds.folder import Build
from lab.device import cores, local
from lab.device.care import prepare as care
from lab.device.cores import HOST
from lab.device.transport import Device, Process
from lab.device.vitals import look
from lab.errors import BuildError, DeviceError, ScenarioError
from lab.identifiers import person
from lab.islands import remedies
from lab.records import Profile
from lab.run.bench import Bench
from lab.run.turn import Terms, lease_of
from lab.scenario.plan import Scenario
from lab.store import Store

log = logging.getLogger(__name__)

DEFAULT_BUILD = "nano-paper"
"""The line measured when none is named: the bundled model in the paper's precision."""


def devices_of(store: Store, text: str, *, tell: Callable[[str], None]) -> list[Device]:
    """Connect to the devices that `text` names; uses adb only if that is not just this machine.

    Raises `DeviceRefused`, listing what is attached, for a device that is missing or cannot be used.
    """
    if text.strip() == HOST:
        return [local.connect()]
    from lab.device import roster
    from lab.device.adb.transport import Server

    server = Server.from_environment()
    found = roster.choose(text, roster.look(server, store.root), tell=tell)
    return [
        local.connect() if isinstance(each, str) else roster.connect(server, each, store.root / "agents")
        for each in found
    ]


def terms_of(store: Store, wait_s: float, *, tell: Callable[[str], None]) -> Terms:
    """Return the terms for taking devices' turns as this user on this machine."""
    return Terms(f"{person()} pid {os.getpid()}", wait_s, tell, partial(_end_elsewhere, store))


def _end_elsewhere(store: Store, name: str, process: Process) -> None:
    """End the process that a killed lab left on another device that shares our cores, if still attached."""
    from lab.device import android, roster
    from lab.device.adb.transport import AdbTransport, Server

    try:
        server = Server.from_environment()
        for entry in roster.look(server, store.root):
            if entry.name == name and entry.found.state == android.READY:
                log.warning("ending agent %d on %s, left behind by a lab that was killed", process.pid, name)
                AdbTransport(server, entry.found.serial).kill(process)
    except DeviceError as error:
        log.warning("a process that a killed lab may have left on %s could not be ended: %s", name, error)


def benches_of(
    store: Store,
    devices: Sequence[Device],
    build: str,
    terms: Terms,
    profile: Profile | None = "observe",
) -> list[Bench]:
    """Return a bench for each device; raises `BuildError`, and `DeviceRefused` for an impossible profile."""
    for device in devices:
        care.refuse_on_host(device, profile or "observe")
    try:
        package = store.find_build(build)
    except BuildError as error:
        if os.path.isdir(build):  # noqa: PTH112 - no name is an error for it
            raise
        made = remedies.reference_build(store.root, build)
        raise BuildError(f"{error}; {made} makes one of the bundled reference model") from error
    return [
        Bench(
            device=device,
            build=package,
            store=store,
            clock=local.SystemClock(),
            lease=lease_of(device, terms),
            senses=look,
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
    """Return the benches with an input made of an image and an instruction, prepared in this machine's turn.

    Raises `ScenarioError` when no scenario works on an input, and `PrepareError`.
    """
    if not any("input" in cell.parameters for chosen in scenarios for cell in chosen.cells):
        names = ", ".join(chosen.name for chosen in scenarios)
        raise ScenarioError(f"--image: scenario {names} works on no input; leave --image out")
    inputs.check_image(image)
    store, build = benches[0].store, benches[0].build
    with cores.measuring(cores.lock_path(), wait_s=wait_s):
        log.info("preparing %s: the fp32 model of build %s computes the expected output", image, build.id[:12])
        own = inputs.prepare(store.root, build, image, instruction or inputs.INSTRUCTION)
    return [replace(bench, own_inputs={inputs.NAME: own}) for bench in benches]


def with_questions(
    benches: Sequence[Bench], scenarios: Sequence[Scenario], given: Path | None, wait_s: float
) -> list[Bench]:
    """Return the benches with the question sets that scenarios ask, made in this machine's turn if need be.

    `given` is a table of the user's or a folder of question sets; None draws them. Raises `ScenarioError` when
    questions are given and no scenario asks any, and `PrepareError`.
    """
    names = {
        str(cell.parameters["questions"])
        for chosen in scenarios
        for cell in chosen.cells
        if "questions" in cell.parameters
    }
    if not names:
        if given is not None:
            asked = ", ".join(chosen.name for chosen in scenarios)
            raise ScenarioError(f"--questions: scenario {asked} asks no questions; leave --questions out")
        return list(benches)
    store, build = benches[0].store, benches[0].build
    with cores.measuring(cores.lock_path(), wait_s=wait_s):
        benches[0].tell(f"preparing questions for {build.manifest.model}")
        own = questions.prepare(store.root, build, given)
    for line in own.key.left_out:
        benches[0].tell(f"{own.key.source}: left out: {line}")
    return [replace(bench, questions=dict.fromkeys(sorted(names), own)) for bench in benches]


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


def line_of(store: Store, build: Build, named: str) -> str:
    """Return the line that a build is measured for: the one named if it holds the build, else the first that does.

    The line of a build that was never added is its model and recipe.
    """
    rows = store.builds()
    if any((row.id, row.line) == (build.id, named) for row in rows):
        return named
    known = {row.id: row.line for row in reversed(rows)}
    return known.get(build.id, f"{build.manifest.model}-{build.manifest.recipe}")
