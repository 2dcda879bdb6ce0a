"""The scenarios and suites that come with pocketlab, as a list shows them: read without a check.

The check (:mod:`lab.scenario.load`) takes longer to import than a list may take.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCENARIOS = (Path(__file__).parent / "bundled").resolve()
"""The scenarios that come with pocketlab: `bundled` is a link to `scenarios/`, and a wheel has the files."""


@dataclass(frozen=True)
class KnownScenario:
    """A scenario: its question, the metric that answers it, and how many cells it has."""

    name: str
    question: str
    metric: str
    cells: int


@dataclass(frozen=True)
class KnownSuite:
    """A suite: what its scenarios answer together."""

    name: str
    question: str
    scenarios: tuple[str, ...]


def known() -> tuple[list[KnownScenario], list[KnownSuite]]:
    """Return the scenarios and the suites that come with pocketlab, each by name.

    A study has no cells, and its metric is the command that answers it.
    """
    scenarios: list[KnownScenario] = []
    suites: list[KnownSuite] = []
    for path in sorted(SCENARIOS.glob("*.toml")):
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        if (head := found.get("scenario")) is not None:
            scenarios.append(KnownScenario(head["name"], head["question"], head["metric"], _cells(found)))
        elif (head := found.get("study")) is not None:
            scenarios.append(KnownScenario(head["name"], head["question"], "lab study", 0))
        elif (head := found.get("suite")) is not None:
            suites.append(KnownSuite(head["name"], head.get("question", ""), tuple(head["scenarios"])))
    return scenarios, suites


def _cells(found: Mapping[str, Any]) -> int:
    if "cells" in found:
        return len(found["cells"])
    return math.prod(len(values) for values in found.get("sweep", {}).values())
