"""What the literature says, with its sources: read from `scenarios/published.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from device_agents.contract import Name
from lab.documents.tables import Table, check, parse, read_text
from lab.errors import ScenarioError
from lab.records import Literature, Published, Reference, SourceKind, Statement, System
from lab.scenario.plan import Positive, Words


class _System(Table):
    name: Words
    source: Words
    device: Words
    runtime: Words
    model: Words
    weights: str = ""
    precision: Words
    cache: str = ""
    prompt_tokens: Positive | None = None
    conditions: Words
    measure: str = ""


class _Figure(Table):
    scenario: Name
    metric: Words
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    value: float
    kind: SourceKind
    source: Words
    note: str = ""
    system: Words = "BlueLM-V-3B"
    runtime: str = ""


class _Statement(Table):
    words: Words
    kind: SourceKind
    source: Words
    system: Words = "BlueLM-V-3B"
    scenario: str = ""
    instead: str = ""


class _Reference(Table):
    title: Words
    source: Words
    why: Words
    columns: list[Words]
    rows: list[list[str]]


class _PublishedFile(Table):
    system: list[_System] = Field(default_factory=list)
    figure: list[_Figure] = Field(default_factory=list)
    statement: list[_Statement] = Field(default_factory=list)
    reference: list[_Reference] = Field(default_factory=list)


def literature(path: Path) -> Literature:
    """Return what a file holds, in its order; raises `ScenarioError` that names the file and the key."""
    file = check(_PublishedFile, parse(read_text(path, "figure"), path), at=str(path))
    _check_systems(file, path)
    return Literature(
        systems=tuple(System(**each.model_dump()) for each in file.system),
        figures=tuple(Published(**each.model_dump()) for each in file.figure),
        statements=tuple(Statement(**each.model_dump()) for each in file.statement),
        references=tuple(_reference(each, path) for each in file.reference),
    )


def _check_systems(file: _PublishedFile, path: Path) -> None:
    """Refuse a figure or a statement about a system that the file does not describe, if it describes any."""
    known = [each.name for each in file.system]
    entries: Sequence[_Figure | _Statement] = [*file.figure, *file.statement]
    for each in entries:
        if known and each.system not in known:
            raise ScenarioError(
                f"{path}: wanted a system of this file ({', '.join(known)}), found {each.system!r}: "
                "add its [[system]]"
            )


def _reference(found: _Reference, path: Path) -> Reference:
    for row in found.rows:
        if len(row) != len(found.columns):
            raise ScenarioError(
                f"{path}: {found.title}: wanted rows of {len(found.columns)} texts, one a column, found {row}"
            )
    rows = tuple(map(tuple, found.rows))
    return Reference(found.title, found.source, found.why, tuple(found.columns), rows)
