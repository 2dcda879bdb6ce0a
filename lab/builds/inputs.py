"""The user's own inputs: `models/` prepares them as a process; the lab keeps and opens them by content id."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import Input, content_id
from lab.builds.folder import Build
from lab.documents.strict import Malformed, json_of
from lab.errors import PrepareError
from lab.files import disk_errors, make_folder, open_regular, read, sha256, sync
from lab.islands.process import message, run_module
from lab.records.telling import number_of

log = logging.getLogger(__name__)

NAME = "mine"
"""The name of the user's own input in a cell."""

INSTRUCTION = "Describe this image."
"""The instruction that goes with an image unless the user gives one."""

IMAGE_BYTES = 512 << 20
"""Largest image file. A judgement: twice the pixels of the largest image that is decoded, without compression."""

ASIDE = ".preparing-"
"""How the name of a folder begins while an input is prepared in it."""


@dataclass(frozen=True)
class OwnInput:
    """An input that belongs to no build; its content id is the name of `folder`."""

    id: str
    folder: Path
    document: Input


def prepare(root: Path, build: Build, image: Path, instruction: str) -> OwnInput:
    """Prepare an image and an instruction for the model of a build.

    The golden outputs come from the fp32 torch model with the build's own weights. Raises `PrepareError` when the
    image or the prompt cannot be used or the weights cannot be rebuilt, and `DiskFull`.
    """
    inputs = root / "inputs"
    with disk_errors(f"prepare {image}", inputs):
        make_folder(inputs)
        for left in inputs.glob(f"{ASIDE}*"):  # left by a killed lab: two labs never prepare at once
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=ASIDE, dir=inputs) as aside:
            folder = Path(aside) / "input"
            _ask_models(image, instruction, build.folder / "manifest.json", folder)
            return _keep(inputs, folder)


def check_image(image: Path) -> None:
    """Raise `PrepareError` unless there is a file of a size that may be an image; nothing is decoded."""
    try:
        open_regular(image, IMAGE_BYTES).close()
    except OSError as error:
        why = "found no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise PrepareError(
            f"{str(image)!r}: wanted an image file; {why}: give the path of an image file"
        ) from error
    except ValueError as error:  # a NUL byte
        raise PrepareError(f"{str(image)!r}: wanted an image file; no file has such a name: {error}") from error


def find(root: Path, known_as: str) -> OwnInput | None:
    """Open the input with this content id and check every byte; return None when there is none.

    Raises `PrepareError` naming the damaged file.
    """
    folder = root / "inputs" / known_as
    return _open(folder) if os.path.isdir(folder) else None  # noqa: PTH112 - no name is an error for it


def described(document: Input) -> str:
    """Describe an input in a few words."""
    image, placement = document.image, document.placement
    what = "no image" if image is None else f"an image of {image.width} x {image.height} pixels"
    count = 0 if placement is None else len(placement.order)
    patches = f"{count} patch" if count == 1 else f"{count} patches"
    tiles = "" if placement is None else f" ({placement.columns}:{placement.rows}, {patches})"
    tokens = number_of(document.prompt_tokens, "prompt token")
    return f"{what}{tiles}, asked {document.instruction!r}, {tokens} in all"


def check(own: OwnInput) -> None:
    """Raise `PrepareError` if the input's files have changed."""
    if _open(own.folder).id != own.id:
        raise _damaged(own.folder, f"its content id is not {own.id}")


def _ask_models(image: Path, instruction: str, build: Path, folder: Path) -> None:
    """Run `python -m models.prepare`; raise `PrepareError` with its message when it fails."""
    arguments = [f"--instruction={instruction}", "--name", NAME, "--build", str(build)]
    arguments += ["--out", str(folder), "--", os.path.abspath(image)]  # noqa: PTH100 - links are left to whoever opens it
    try:
        done = run_module("models.prepare", *arguments)
    except ValueError as error:  # a NUL byte in a name or an instruction
        raise PrepareError(f"{str(image)!r} or its instruction cannot be passed to a process: {error}") from error
    if done.returncode != 0:
        raise PrepareError(message(done, "prepare"))


def _keep(inputs: Path, folder: Path) -> OwnInput:
    """Move a prepared folder to the one of its content id; an intact copy already there stays."""
    prepared = _open(folder)
    target = inputs / prepared.id
    for path in (*folder.iterdir(), folder):
        sync(path)
    if target.is_dir():
        try:
            return _open(target)
        except PrepareError as error:
            log.warning("replaced a damaged copy: %s", error)
            target.rename(folder.with_name("damaged"))
    folder.rename(target)
    sync(inputs)
    return OwnInput(prepared.id, target, prepared.document)


def _open(folder: Path) -> OwnInput:
    with _readable(folder):
        document = Input.model_validate(json_of(read(folder / "input.json")))
        if document.image is not None:
            found = sha256(folder / document.image.path)
            if found != document.image.sha256:
                raise _damaged(
                    folder / document.image.path, f"wanted SHA-256 {document.image.sha256}, found {found}"
                )
    return OwnInput(content_id(document), folder, document)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _damaged(Path(error.filename or folder), error.strerror or str(error)) from error
    except Malformed as error:
        raise _damaged(folder / "input.json", str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _damaged(folder / "input.json", first["msg"]) from error


def _damaged(path: Path, what: str) -> PrepareError:
    return PrepareError(f"{path}: damaged: {what}; start a new run with --image, which prepares it again")
