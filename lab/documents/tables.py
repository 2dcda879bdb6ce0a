"""TOML files that people write: read, check against a model, and refuse naming file and key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from lab.documents.strict import Malformed, toml_of
from lab.errors import ScenarioError
from lab.files import read

Checked = TypeVar("Checked", bound=BaseModel)

TOML_BYTES = 256 << 10
"""Largest TOML file. A judgement: the largest that comes with the lab has 4 kB."""

BESIDE = 100
"""How many files beside a missing one are looked at, to name them."""

PROBLEMS = 20
"""How many wrong keys a message lists."""

VALUE = 100
"""How many characters of a wrong value a message shows."""


class Table(BaseModel):
    """A table of a file: frozen, strict (``"4"`` is not 4); rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def read_text(path: Path, table: str = "") -> str:
    """Return the text of a file.

    Raises `ScenarioError` when it cannot be read. If it does not exist, the message names the TOML files beside it
    that contain ``[table]``.
    """
    try:
        return read(path, TOML_BYTES).decode()
    except FileNotFoundError as error:
        beside = sorted(
            file.stem for file in islice(path.parent.glob("*.toml"), BESIDE) if _opens_with(file, table)
        )
        known = ", ".join(beside) or "none; check the path"
        raise ScenarioError(f"{path}: no such file; {nearest(path.stem, beside)}known there: {known}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"{path}: not UTF-8 text: {error.reason} at byte {error.start}; correct the file"
        ) from error
    except OSError as error:
        raise ScenarioError(
            f"{path}: could not be read: {error.strerror or error}; check the path, or name another"
        ) from error


def _opens_with(path: Path, table: str) -> bool:
    """Tell whether a file contains ``[table]``: always if `table` is empty, never if the file is unreadable."""
    try:
        return not table or table in toml_of(read(path, TOML_BYTES))
    except (OSError, Malformed):
        return False


def parse(text: str, path: Path | str) -> dict[str, object]:
    """Return the document; raise `ScenarioError` with line and column when the text is not TOML."""
    try:
        return toml_of(text)
    except Malformed as error:
        raise ScenarioError(f"{path}: not TOML: {error}; correct it") from error


def check(
    model: type[Checked], values: Mapping[str, object], *, at: str, tables: Mapping[str, str] | str = ""
) -> Checked:
    """Return `values` as a `model`; raise `ScenarioError` with one line for each wrong key.

    Each line begins with `at`, the file, then names the table, as ``[plan]``. `tables` is the table of `values`,
    or that of each key, where they are not the whole file.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        every = error.errors(include_url=False)
        problems = every[:PROBLEMS]
        places = [
            tables if isinstance(tables, str) else tables.get(str(problem["loc"][0]), "") for problem in problems
        ]
        words = [_words(model, problem, place) for place, problem in zip(places, problems, strict=True)]
        lines = [f"{at}: {line}" for line in words]
        lines += [f"{at}: and {len(every) - PROBLEMS} more"] if len(every) > PROBLEMS else []
        raise ScenarioError("\n".join(lines)) from error


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'? `` when a known word is close, else an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def _words(model: type[BaseModel], problem: ErrorDetails, table: str) -> str:
    """Return what is wrong with a key of `table`, which is empty for the whole file."""
    *outer, own = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, outer)
        inner = ".".join([*filter(None, [table.strip("[]")]), *outer])
        place = table if not outer else f"[{inner}]"
        return f"{place} unknown key {own!r}; {nearest(own, known)}known keys: {', '.join(known)}".lstrip()
    key = ".".join([*outer, own])
    return f"{table} {_wrong(key, problem)}".lstrip()


def _wrong(key: str, problem: ErrorDetails) -> str:
    if problem["type"] == "missing":
        return f"{key!r} is missing"
    wanted = (
        problem["msg"]
        .replace("Input should be", "wanted", 1)
        .replace("a valid integer", "a whole number")
        .replace("a valid ", "a ")
    )
    if problem["type"] == "string_pattern_mismatch":
        wanted = "wanted letters, digits, dots, dashes and underscores, 64 at most"
    found = repr(problem["input"])
    return f"{key!r}: {wanted}, found {found if len(found) <= VALUE else f'{found[:VALUE]}…'}"


def _known_keys(model: type[BaseModel], place: list[str]) -> list[str]:
    """Return the keys of the table at `place`. Follow nested models; skip the indexes of lists."""
    for part in place:
        field = model.model_fields.get(part)
        if field is None:
            continue
        annotations = (field.annotation, *getattr(field.annotation, "__args__", ()))
        model = next((a for a in annotations if isinstance(a, type) and issubclass(a, BaseModel)), model)
    return list(model.model_fields)
