"""A question about an image, prepared by `models/` as a process for the build that is asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from device_agents.contract import Manifest, QuestionSet, content_id
from lab.builds.folder import Build
from lab.documents.strict import Malformed, json_of
from lab.errors import PrepareError
from lab.files import read
from lab.islands.process import message, run_module

DOCUMENT = "questions.json"
"""The question set's file in its folder."""


@dataclass(frozen=True)
class Asked:
    """A question set in a folder, with the names of its files; `id` is its content id."""

    id: str
    folder: Path
    document: QuestionSet

    @property
    def files(self) -> tuple[str, ...]:
        """The files that an agent reads."""
        images = {each.image.path for each in self.document.questions if each.image is not None}
        return (DOCUMENT, *sorted(images))


def check_question(manifest: Manifest, question: str) -> None:
    """Raise `PrepareError` for an empty question, and for one that is longer than the whole cache."""
    if not question.strip():
        raise PrepareError('wanted a question about the image, found an empty one: ask "What is this?"')
    held = manifest.dimensions.cache_tokens
    if (found := len(question.encode(errors="replace"))) > held:  # also more than a process can be told
        raise PrepareError(
            f"wanted a question that fits the cache of {manifest.model}-{manifest.recipe}, {held} tokens "
            f"(bytes of UTF-8), found {found}: shorten the question"
        )


def prepare_question(
    build: Build, image: Path, question: str, folder: Path, *, parallel_tokens: int, answer_tokens: int
) -> Asked:
    """Prepare a question about an image in `folder`, for a build and an answer of at most `answer_tokens`.

    Raises `PrepareError` when the image cannot be used, and when the question is empty or does not fit.
    """
    numbers = (f"--parallel-tokens={parallel_tokens}", f"--answer-tokens={answer_tokens}")
    given = (f"--question={question}", f"--build={build.folder.absolute()}", f"--out={folder}", *numbers)
    try:
        done = run_module("models.ask", *given, "--", os.path.abspath(image))  # noqa: PTH100 - links stay
    except ValueError as error:  # a NUL byte, or half a character
        raise PrepareError(f"{str(image)!r} or the question cannot be passed to a process: {error}") from error
    if done.returncode != 0:
        raise PrepareError(message(done, "ask"))
    try:
        document = QuestionSet.model_validate(json_of(read(folder / DOCUMENT)))
    except (OSError, Malformed, ValidationError) as error:
        raise PrepareError(f"{folder / DOCUMENT}: wanted the prepared question, found {error}") from error
    return Asked(content_id(document), folder, document)
