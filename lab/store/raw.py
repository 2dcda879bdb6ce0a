"""Runs, trials and comparisons as JSON files: what lies on disk is the truth, and a person can read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from lab.errors import StoreError
from lab.records import Comparison, Run, SelfCheck, Trial

FORMAT = 1
"""The version of these files. A lab refuses a higher one."""


class _File(BaseModel):
    """Infinity and NaN, which JSON lacks, are written as the words of a string."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    format: Literal[1] = 1


class RunFile(_File):
    """`run.json`."""

    run: Run


class TrialFile(_File):
    """`trial.json`."""

    trial: Trial


class ComparisonFile(_File):
    """`comparisons/<id>.json`."""

    comparison: Comparison


class SelfCheckFile(_File):
    """`selfchecks/<id>.json`."""

    selfcheck: SelfCheck

    @model_validator(mode="before")
    @classmethod
    def _without_old_figure(cls, document: object) -> object:
        """Leave out `smallest_visible`, which labs wrote until `smallest_found` took its place: another figure."""
        found = document.get("selfcheck") if isinstance(document, dict) else None
        if isinstance(document, dict) and isinstance(found, dict) and "smallest_visible" in found:
            kept = {name: value for name, value in found.items() if name != "smallest_visible"}
            return {**document, "selfcheck": kept}
        return document


class LineEntry(BaseModel):
    """One build in a line: `revision` counts additions from 1, its place in the list is its position."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: int
    id: str
    model: str
    recipe: str
    added_utc: str


class LineFile(_File):
    """`lines/<line>.json`: the builds of a line from first to last, and the one that others are judged by."""

    line: str
    baseline: str | None = None
    builds: list[LineEntry] = []


Document = TypeVar("Document", bound=_File)


def encode(document: _File) -> bytes:
    """Return the bytes of a file, indented."""
    return document.model_dump_json(indent=2).encode() + b"\n"


def read(model: type[Document], path: Path) -> Document:
    """Read a file; raises `StoreError` naming it when it is missing, damaged, or of a newer format."""
    try:
        data = path.read_bytes()
        raw: object = json.loads(data)
    except OSError as error:
        raise StoreError(f"{path}: could not be read: {error.strerror or error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: damaged, not JSON: {error}; restore it from a copy, or move it away") from error
    found = raw.get("format") if isinstance(raw, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise StoreError(f"{path}: written in format {found}, this lab knows {FORMAT}; update pocketlab")
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{path}: damaged: {key}: {first['msg']}; restore it from a copy") from error
