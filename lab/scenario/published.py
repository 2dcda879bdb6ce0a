"""Published figures with their sources."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from device_agents.contract import Name
from lab.documents.tables import Table, check, parse, read_text
from lab.records import Published
from lab.scenario.plan import Words


class _Figure(Table):
    scenario: Name
    metric: Words
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    value: float
    kind: Literal["published", "derived", "third_party"]
    source: Words
    note: str = ""


class _PublishedFile(Table):
    figure: list[_Figure] = Field(default_factory=list)


def published(path: Path) -> tuple[Published, ...]:
    """Return the figures from the literature, in the order of the file; raises `ScenarioError`."""
    file = check(_PublishedFile, parse(read_text(path, "figure"), path), at=str(path))
    return tuple(Published(**figure.model_dump()) for figure in file.figure)
