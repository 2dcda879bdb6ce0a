"""Reads a job and the files it names: the build's manifest, its inputs and their pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError

from device_agents.contract import (
    PROTOCOL,
    ErrorClass,
    EvaluateWork,
    Input,
    Job,
    Manifest,
    Question,
    QuestionSet,
)
from device_agents.reference.failure import AgentError, bad_job
from device_agents.reference.profiler import Profiler

Document = TypeVar("Document", bound=BaseModel)


@dataclass(frozen=True)
class Package:
    """A build opened for reading; `inputs` are the folders of the job's own inputs, which take precedence.

    With a `profiler` its sessions are profiled: slower, and never measured.
    """

    folder: Path
    manifest: Manifest
    inputs: Mapping[str, Path] = field(default_factory=dict)
    profiler: Profiler | None = None

    def input_folder(self, name: str) -> Path:
        """Return an input's folder; `bad_job` when neither job nor build has one of that name."""
        if name in self.inputs:
            return self.inputs[name]
        if name not in self.manifest.inputs:
            raise bad_job(
                f"no input {name!r} in the build; it has {sorted(self.manifest.inputs)}, "
                f"and the job brings {sorted(self.inputs)}"
            )
        return self.folder / self.manifest.inputs[name]


def read_job(path: Path) -> Job:
    """Read a job; raises `bad_job` when the file is not a job, and `version` for a newer protocol."""
    return _read(path, Job, ErrorClass.BAD_JOB)


def open_package(
    folder: Path, inputs: Mapping[str, Path] | None = None, profiler: Profiler | None = None
) -> Package:
    """Open a build; raises `load` when this agent cannot run it, and `version` for a newer protocol."""
    manifest = _read(folder / "manifest.json", Manifest, ErrorClass.LOAD)
    if manifest.runtime != "onnxruntime":
        raise AgentError(
            ErrorClass.LOAD, f"{folder}: a build for {manifest.runtime!r}; this agent runs 'onnxruntime' builds"
        )
    return Package(folder, manifest, inputs or {}, profiler)


def read_input(package: Package, name: str) -> Input:
    """Read an input of the job or the build; `bad_job` when there is none of that name."""
    return _read(package.input_folder(name) / "input.json", Input, ErrorClass.LOAD)


def read_questions(package: Package, work: EvaluateWork) -> QuestionSet:
    """Read the question set that a job names.

    Raises `bad_job` when the job brings no such folder or the set was prepared for another kind of model.
    """
    if work.questions not in package.inputs:
        raise bad_job(f"no questions {work.questions!r}: the job brings {sorted(package.inputs)}")
    path = package.inputs[work.questions] / work.document
    found, sizes = _read(path, QuestionSet, ErrorClass.LOAD), package.manifest.dimensions
    wanted = (sizes.tile_pixels, sizes.tokens_per_tile, package.manifest.tokenizer)
    if (found.tile_pixels, found.tokens_per_tile, found.tokenizer) != wanted:
        raise bad_job(
            f"{path}: for tiles of {found.tile_pixels} pixels and {found.tokens_per_tile} tokens, the build has "
            f"{sizes.tile_pixels} and {sizes.tokens_per_tile} and its own tokenizer: prepare the questions for "
            "this build's model"
        )
    return found


def read_pixels(folder: Path, source: Input | Question) -> npt.NDArray[np.uint8]:
    """Read an image as u8 [height, width, 3]; `bad_job` without one, `load` when it is damaged."""
    if source.image is None or source.placement is None:
        raise bad_job(f"input {source.name!r} has no image to encode")
    image = source.image
    path = folder / image.path
    wanted = image.height * image.width * 3
    try:
        pixels = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise AgentError(ErrorClass.LOAD, f"{path}: {error.strerror}: push the build again") from error
    if pixels.size != wanted:
        raise AgentError(
            ErrorClass.LOAD, f"{path}: wanted {wanted} bytes, found {pixels.size}: push the build again"
        )
    return pixels.reshape(image.height, image.width, 3)


def _read(path: Path, kind: type[Document], error: ErrorClass) -> Document:
    """Read and check a document, its protocol first: a newer one may have other keys."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as problem:
        raise AgentError(error, f"{path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise AgentError(error, f"{path}: wanted JSON: {problem}") from problem
    protocol = found.get("protocol") if isinstance(found, dict) else None
    if isinstance(protocol, int) and protocol > PROTOCOL:
        raise AgentError(
            ErrorClass.VERSION,
            f"{path}: protocol {protocol}; this agent speaks {PROTOCOL}: use a newer agent",
        )
    try:
        return kind.model_validate(found)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise AgentError(error, f"{path}: {where}: {first['msg']}, found {first['input']!r:.80}") from problem
