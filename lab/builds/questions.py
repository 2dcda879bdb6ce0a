"""Question sets: `models/` makes them as a process; the lab keeps and opens them by content id."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import AnswerKey, File, QuestionSet, content_id
from lab.builds.folder import Build, file_of
from lab.builds.inputs import ASIDE
from lab.documents.strict import Malformed, json_of
from lab.errors import PrepareError
from lab.files import disk_errors, make_folder, read, sync
from lab.islands.process import run_module

log = logging.getLogger(__name__)

KEY = "answers.json"
"""The answers of a folder of question sets: read here, and never sent to a device."""

VIEWS: Mapping[str, str] = {"whole": "questions.json", "blank": "blank.json", "thumbnail": "thumbnail.json"}
"""What of an image a question is asked about, and the file of that question set."""

IMAGES = 400
"""How many images are drawn unless the user brings questions: about 2,000 questions. A judgement."""

KEY_BYTES = 256 << 20
"""Largest document of a set. A judgement: a question takes about a kilobyte."""

_MESSAGE = "questions: "


@dataclass(frozen=True)
class OwnQuestions:
    """A folder of question sets that belongs to no build; the content id of its key is the name of `folder`."""

    id: str
    folder: Path
    key: AnswerKey
    sets: Mapping[str, QuestionSet]

    def files(self) -> list[File]:
        """Return what a device needs: the sets and their images, without the answers."""
        paths = {q.image.path for each in self.sets.values() for q in each.questions if q.image is not None}
        return [file_of(self.folder, name) for name in (*sorted(self.sets), *sorted(paths))]


def prepare(root: Path, build: Build, table: Path | None, images: int = IMAGES) -> OwnQuestions:
    """Make question sets for the model of a build: from a table of the user's, or from generated images.

    Generated ones are kept and found again. Raises `PrepareError`, and `DiskFull`.
    """
    if table is not None and os.path.isdir(table):  # noqa: PTH112 - no name is an error for it
        return _open(table)
    model = build.manifest.model
    if table is None and (found := _drawn_before(root, build, images)) is not None:
        return found
    kept = root / "questions"
    with disk_errors("prepare questions", kept):
        make_folder(kept)
        for left in kept.glob(f"{ASIDE}*"):  # left by a killed lab: two labs never prepare at once
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=ASIDE, dir=kept) as aside:
            folder = Path(aside) / "set"
            _ask_models(model, table, images, folder)
            return _keep(kept, folder)


def find(root: Path, known_as: str) -> OwnQuestions | None:
    """Open the question sets with this content id; return None when there are none."""
    folder = root / "questions" / known_as
    return _open(folder) if os.path.isdir(folder) else None  # noqa: PTH112 - as above


def _drawn_before(root: Path, build: Build, images: int) -> OwnQuestions | None:
    """Return the generated sets of so many images that were made for the same kind of model."""
    sizes = getattr(build.manifest, "dimensions", None)
    for path in sorted((root / "questions").glob(f"*/{KEY}")):
        try:
            found = _open(path.parent)
        except PrepareError as error:
            log.warning("%s", error)
            continue
        whole = found.sets[VIEWS["whole"]]
        drawn = found.key.source.startswith("models/data.py") and found.key.source.endswith(f"{images} images")
        if drawn and sizes is not None and whole.tile_pixels == sizes.tile_pixels:
            return found
    return None


def _ask_models(model: str, table: Path | None, images: int, folder: Path) -> None:
    """Run `python -m models.questions`; raise `PrepareError` with its message when it fails."""
    source = ["--images", str(images)] if table is None else ["--table", os.path.abspath(table)]  # noqa: PTH100
    try:
        done = run_module("models.questions", "--model", model, "--out", str(folder), *source)
    except ValueError as error:  # a NUL byte in a name
        raise PrepareError(f"{str(table)!r} cannot be passed to a process: {error}") from error
    if done.returncode == 0:
        return
    said = [line for line in done.stderr.splitlines() if line.strip()] or [f"status {done.returncode}"]
    last = next((line for line in reversed(said) if line.startswith(_MESSAGE)), said[-1])
    raise PrepareError(last.removeprefix(_MESSAGE))


def _keep(kept: Path, folder: Path) -> OwnQuestions:
    """Move a folder of question sets to the one of its content id; an intact copy already there stays."""
    made = _open(folder)
    target = kept / made.id
    if target.is_dir():
        return _open(target)
    for path in (*folder.iterdir(), folder):
        sync(path)
    folder.rename(target)
    sync(kept)
    return OwnQuestions(made.id, target, made.key, made.sets)


def _open(folder: Path) -> OwnQuestions:
    """Read and check the key and its sets, without the pixels: a push checks them, and an agent their size."""
    with _readable(folder):
        key = AnswerKey.model_validate(json_of(read(folder / KEY, KEY_BYTES)))
        sets: dict[str, QuestionSet] = {}
        for name, wanted in key.sets.items():
            found = QuestionSet.model_validate(json_of(read(folder / name, KEY_BYTES)))
            if content_id(found) != wanted:
                raise PrepareError(f"{folder / name}: wanted the question set {wanted}, found {content_id(found)}")
            if [q.name for q in found.questions] != [each.name for each in key.expected]:
                raise PrepareError(f"{folder / name}: its questions are not those of {KEY}: make the set again")
            sets[name] = found
    if lacking := set(VIEWS.values()) - set(sets):
        raise PrepareError(f"{folder / KEY}: names no question set {', '.join(sorted(lacking))}: make it again")
    return OwnQuestions(content_id(key), folder, key, sets)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    remedy = "make the questions again (python -m models.questions)"
    try:
        yield
    except OSError as error:
        raise PrepareError(f"{error.filename or folder}: {error.strerror or error}: {remedy}") from error
    except Malformed as error:
        raise PrepareError(f"{folder}: damaged: {error}: {remedy}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise PrepareError(f"{folder}: damaged: {first['msg']}: {remedy}") from error
