"""A study: a question about image sizes that arithmetic answers. `models/` computes it as a process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import PositiveInt, TypeAdapter

from device_agents.contract import Name
from lab.documents.tables import Table, check, parse, read_text
from lab.errors import PrepareError
from lab.islands.process import message, run_module
from lab.records.study import Study
from lab.scenario.known import SCENARIOS
from lab.scenario.plan import Words

PATH = SCENARIOS / "resolution_study.toml"
"""The study that comes with pocketlab."""


class Asked(Table):
    """What a study asks: how many sizes it draws for each table, and which images or sizes it places."""

    name: Name
    question: Words
    repeats: str
    images: PositiveInt
    seed: int
    pictures: list[str]


class _StudyFile(Table):
    study: Asked


def load_study(path: Path = PATH) -> Asked:
    """Read a study from its file; raises `ScenarioError` that names the file and the key."""
    return check(_StudyFile, parse(read_text(path, "study"), path), at=str(path)).study


def answered(asked: Asked, sizes: Path | None, pictures: Sequence[str], grids: str) -> Study:
    """Return the answer for a table of the user's, or else for drawn ones, with `pictures` of images or sizes.

    Images alone are placed without any table; without them, the study's own examples are. Raises `PrepareError`
    when an image or a table cannot be used.
    """
    given = [f"--sizes={sizes}"] if sizes else []
    if not sizes and not pictures:
        given = [f"--images={asked.images}", f"--seed={asked.seed}"]
    given += [f"--picture={each}" for each in pictures or asked.pictures]
    try:
        done = run_module("models.study", *given, f"--grids={grids}")
    except ValueError as error:  # a NUL byte in a name
        raise PrepareError(f"a file's name cannot be passed to a process: {error}; rename the file") from error
    if done.returncode != 0:
        raise PrepareError(message(done, "study"))
    return TypeAdapter(Study).validate_json(done.stdout)
