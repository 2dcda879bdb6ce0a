"""What the literature says: figures, statements and tables with their sources, and the systems they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lab.records.run import Parameter

SourceKind = Literal["published", "derived", "third_party"]
"""`published` by the authors, `derived` from their figures by arithmetic, or from a `third_party`."""


@dataclass(frozen=True)
class Published:
    """A figure from the literature: printed beside our own, never compared by a verdict.

    `system` names what was measured. With a `runtime` the figure is shown beside runs of that runtime alone.
    """

    scenario: str
    metric: str
    parameters: Mapping[str, Parameter]
    value: float
    kind: SourceKind
    source: str
    note: str
    system: str = "BlueLM-V-3B"
    runtime: str = ""


@dataclass(frozen=True)
class Statement:
    """What the literature says in words or with figures that no metric of the lab has.

    The answer of `scenario` stands beside it, if there is one; `instead` says what stands in for a run.
    """

    words: str
    kind: SourceKind
    source: str
    system: str = "BlueLM-V-3B"
    scenario: str = ""
    instead: str = ""


@dataclass(frozen=True)
class Reference:
    """A table of the literature that nothing here can repeat; `why` says why not. Cells are as printed."""

    title: str
    source: str
    why: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class System:
    """A system that was measured elsewhere, as far as its source describes it.

    `weights`, `cache` and `prompt_tokens` are in our builds' own words, empty and None if not published;
    `measure` are the commands that measure its figures here, if others than its figures' scenarios.
    """

    name: str
    source: str
    device: str
    runtime: str
    model: str
    weights: str
    precision: str
    cache: str
    prompt_tokens: int | None
    conditions: str
    measure: str = ""


@dataclass(frozen=True)
class Literature:
    """All that comes with pocketlab."""

    systems: tuple[System, ...]
    figures: tuple[Published, ...]
    statements: tuple[Statement, ...]
    references: tuple[Reference, ...]
