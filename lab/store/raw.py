"""The records that are saved as JSON files: they are the truth, and a person can read them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lab.documents.strict import Malformed, json_of
from lab.errors import StoreError
from lab.files import RECORD_BYTES
from lab.files import read as read_file
from lab.records import CellVerdict, Comparison, Incident, Night, Run, SelfCheck, Trial

FORMAT = 1
"""The version of these files. A lab refuses a higher one."""

MOST_BYTES = 1 << 28
"""The largest of these files that is read: a judgement, ten times a trial of a million iterations."""

PATH_MOST = 4096
"""The longest path of a folder: PATH_MAX of Linux (limits.h)."""

Content = TypeVar("Content")


class _File(BaseModel):
    """JSON lacks infinity and NaN: they are written as strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings", populate_by_name=True)

    format: Literal[1] = 1


class RecordFile(_File, Generic[Content]):
    """A file of one record. In the file the record stands under the name of its kind."""

    record: Content


class RunFile(RecordFile[Run]):
    """`runs/<id>/run.json`."""

    record: Run = Field(alias="run")


class ComparisonFile(RecordFile[Comparison]):
    """`comparisons/<id>.json`."""

    record: Comparison = Field(alias="comparison")

    @field_validator("record")
    @classmethod
    def _possible(cls, record: Comparison) -> Comparison:
        """Refuse figures that no lab computes."""
        for cell in record.cells:
            _check_figures(cell)
        return record

    @model_validator(mode="before")
    @classmethod
    def _without_old_figures(cls, document: object) -> object:
        """Drop the smallest visible changes of older labs, which nine of ten comparisons did not find."""
        for cell in _listed(document, "comparison", "cells"):
            _drop_old_figure(cell)
        return document


class SelfCheckFile(RecordFile[SelfCheck]):
    """`selfchecks/<id>.json`."""

    record: SelfCheck = Field(alias="selfcheck")

    @field_validator("record")
    @classmethod
    def _possible(cls, record: SelfCheck) -> SelfCheck:
        """Refuse figures that no lab computes."""
        for live in record.live:
            _check_figures(live.found)
        return record

    @model_validator(mode="before")
    @classmethod
    def _without_old_figures(cls, document: object) -> object:
        """Drop `smallest_visible`, a figure of older labs that is not comparable with `smallest_found`."""
        for live in _listed(document, "selfcheck", "live"):
            _drop_old_figure(live.get("found"))
        if isinstance(document, dict) and isinstance(document.get("selfcheck"), dict):
            document["selfcheck"].pop("smallest_visible", None)
        return document


class NightFile(RecordFile[Night]):
    """`nights/<id>/night.json`."""

    record: Night = Field(alias="night")


class IncidentFile(RecordFile[Incident]):
    """`incidents/<id>.json`."""

    record: Incident = Field(alias="incident")


def _check_figures(cell: CellVerdict) -> None:
    """Raise ValueError unless each p lies between 0 and 1, and each ratio is a positive number."""
    for p in (cell.p, cell.serial_p, *([cell.missing.p] if cell.missing else [])):
        if not 0 <= p <= 1:
            raise ValueError(f"wanted each p of cell {cell.cell!r} between 0 and 1, found {p}")
    change = cell.change
    for ratio in (change.estimate, change.low, change.high) if change else ():
        if ratio is not None and not 0 < ratio < math.inf:
            raise ValueError(f"wanted positive numbers in the change of cell {cell.cell!r}, found {ratio}")


def _listed(document: object, record: str, name: str) -> list[dict[str, object]]:
    """Return the objects of a list in the record of a document; none where it is not what a lab wrote."""
    found = document.get(record) if isinstance(document, dict) else None
    listed = found.get(name) if isinstance(found, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _drop_old_figure(cell: object) -> None:
    if isinstance(cell, dict) and "smallest_visible" in cell:
        del cell["smallest_visible"]
        cell["smallest_found"] = None


class TrialFile(_File):
    """`runs/<id>/trials/<number>/trial.json`."""

    trial: Trial

    @field_validator("trial")
    @classmethod
    def _counted(cls, trial: Trial) -> Trial:
        """Refuse numbers that no lab counts to: a database holds 64 bits."""
        for name, number in (("number", trial.number), ("block", trial.block)):
            if not 0 <= number < 2**31:
                raise ValueError(f"{name!r}: wanted a whole number from 0 to 2^31, found {number}")
        return trial


class LineEntry(BaseModel):
    """One build in a line: `revision` counts additions from 1; its place in the list is its position."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: int
    id: str = Field(pattern=r"^[0-9A-Za-z]{1,64}$")
    model: str
    recipe: str
    added_utc: str


class LineFile(_File):
    """`lines/<line>.json`: the builds of a line from first to last, and the baseline they are judged against."""

    line: str
    baseline: str | None = None
    builds: list[LineEntry] = []


class RootFile(_File):
    """`root.json`: the identity of a data root, and where it lay when it was last opened.

    `inode` is that of the folder `runs`. :mod:`lab.store.root` says what it is for.
    """

    id: str
    host: str
    path: str = Field(pattern=r"^[^\x00]*$", max_length=PATH_MOST)
    inode: int


Document = TypeVar("Document", bound=_File)


def encode(document: _File) -> bytes:
    """Return the bytes of a file, indented."""
    return document.model_dump_json(indent=2, by_alias=True).encode() + b"\n"


def read(model: type[Document], path: Path) -> Document:
    """Read a file; raise `StoreError` naming it when it is missing, damaged, or of a newer format."""
    return parse(model, path, regular(path))


def regular(path: Path) -> bytes:
    """Return the content of a file; raise `StoreError` when it cannot be read, is no file or is too large."""
    try:
        return read_file(path, RECORD_BYTES)
    except OSError as error:
        raise StoreError(
            f"{path}: could not be read: {error.strerror or error}; restore it from a copy, or move it away"
        ) from error


def parse(model: type[Document], path: Path, data: bytes) -> Document:
    """Return the document in the content of a file; raise `StoreError` naming the file when it is damaged."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        invalid = error
    try:
        raw = json_of(data)
    except Malformed as error:
        raise StoreError(f"{path}: damaged, not JSON: {error}; restore it from a copy, or move it away") from error
    found = raw.get("format") if isinstance(raw, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise StoreError(f"{path}: written in format {found}, this lab knows {FORMAT}; update pocketlab")
    first = invalid.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    raise StoreError(f"{path}: damaged: {key}: {first['msg']}; restore it from a copy") from invalid
