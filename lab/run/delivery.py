"""Bring build, inputs and agent to a bench's device, over a link that may break."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from device_agents.contract import File, ForeignManifest
from lab import remedies
from lab.builds.folder import MANIFEST, Build, file_of
from lab.builds.inputs import OwnInput
from lab.device.cores import Held
from lab.device.push import Package, push
from lab.errors import BuildError, DeviceLost
from lab.run import recovery as leftovers
from lab.run.bench import Bench

log = logging.getLogger(__name__)

PUSHES = 5
"""How often a push over a link that breaks is gone on with; a judgement: each time it is further on."""


def package_of_build(build: Build) -> Package:
    """Return a build as what is to be on a device: its files, and the manifest that names them."""
    return Package("builds", build.id, build.folder, (*build.manifest.files, file_of(build.folder, MANIFEST)))


def package_of_agent(bundle: Path) -> Package:
    """Return an agent's bundle as what is to be on a device; raises `BuildError` when its list is broken."""
    path = bundle / "bundle.json"
    try:
        listed = _Bundle.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BuildError(
            f"{path}: wanted the list of an agent's files, found: {error}; build it again: "
            f"{remedies.agent(bundle.name, bundle)}"
        ) from error
    return Package("agents", listed.id, bundle, tuple(listed.files))


class _Bundle(BaseModel):
    """What a push needs of `bundle.json`; the rest says how the agent is started."""

    id: str
    files: list[File]


def present(bench: Bench, progress: Callable[[int, int], None]) -> Callable[[Held], None]:
    """Return what brings build, own inputs and agent to a bench's device, as far as it lacks them.

    `progress` is told bytes sent and bytes there are to send. A device that goes away meanwhile is waited for,
    and the rest sent then.
    """

    def bring(held: Held) -> None:
        device = bench.device
        packages = [package_of_build(bench.build), *map(_package_of_input, bench.own_inputs.values())]
        if device.bundle is not None and not isinstance(bench.build.manifest, ForeignManifest):  # brings its own
            packages.append(package_of_agent(device.bundle))
        for left in reversed(range(PUSHES)):
            try:
                push(packages, device, fence=held.fence(), progress=progress)
                return
            except DeviceLost as error:
                if not left:
                    raise
                log.warning("%s; waiting for the device, the rest is sent then", error)
                leftovers.bring_back(device, held)

    return bring


def _package_of_input(own: OwnInput) -> Package:
    """Return an input of the user's own as what is to be on a device."""
    names = ["input.json", *([own.document.image.path] if own.document.image is not None else [])]
    return Package("inputs", own.id, own.folder, tuple(file_of(own.folder, name) for name in names))
