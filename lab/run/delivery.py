"""Bring build, inputs and agent to a bench's device, over a link that may break."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from device_agents.contract import File, ForeignManifest
from lab.builds.folder import MANIFEST, Build, file_of
from lab.builds.inputs import OwnInput
from lab.device.cores import Held
from lab.device.push import Package, push
from lab.documents.strict import Malformed, json_of
from lab.errors import BuildError, DeviceLost
from lab.files import read
from lab.islands import remedies
from lab.run.bench import Bench
from lab.run.recovery import bring_back

log = logging.getLogger(__name__)

PUSHES = 5
"""How often a push is tried over a link that breaks; a judgement: each try goes on where the last one stopped."""


def package_of_build(build: Build) -> Package:
    """Return a build as a package for a device: its files, and the manifest that names them."""
    return Package("builds", build.id, build.folder, (*build.manifest.files, file_of(build.folder, MANIFEST)))


def package_of_agent(bundle: Path) -> Package:
    """Return an agent's bundle as a package for a device; raises `BuildError` when its list is broken."""
    path = bundle / "bundle.json"
    try:
        listed = _Bundle.model_validate(json_of(read(path)))
    except (OSError, Malformed, ValidationError) as error:
        raise BuildError(
            f"{path}: wanted the list of an agent's files, found: {error}; build it again: "
            f"{remedies.agent(bundle.name, bundle)}"
        ) from error
    return Package("agents", listed.id, bundle, tuple(listed.files))


class _Bundle(BaseModel):
    """The part of `bundle.json` that a push needs; the rest says how to start the agent."""

    id: str
    files: list[File]


def present(bench: Bench, progress: Callable[[int, int], None]) -> Callable[[Held], None]:
    """Return a function that brings build, own inputs and agent to a bench's device, as far as they are missing.

    It calls `progress` with the bytes sent and the bytes in total. If the device disconnects, it waits for it and
    sends the rest. Raises as :func:`lab.device.push.push` does.
    """

    def bring(held: Held) -> None:
        device = bench.device
        own = map(_package_of_input, bench.own_inputs.values())
        asked = [Package("inputs", each.id, each.folder, tuple(each.files())) for each in bench.questions.values()]
        packages = [package_of_build(bench.build), *own, *asked, *bench.packages]
        if device.bundle is not None and not isinstance(bench.build.manifest, ForeignManifest):  # brings its own
            packages.append(package_of_agent(device.bundle))
        for left in reversed(range(PUSHES)):
            try:
                push(packages, device, fence=held.fence, progress=progress)
                return
            except DeviceLost as error:
                if not left:
                    raise
                log.warning("%s; waiting for the device, to send the rest", error)
                bring_back(device, held)

    return bring


def _package_of_input(own: OwnInput) -> Package:
    """Return an input of the user's own as a package for a device."""
    names = ["input.json", *([own.document.image.path] if own.document.image is not None else [])]
    return Package("inputs", own.id, own.folder, tuple(file_of(own.folder, name) for name in names))
