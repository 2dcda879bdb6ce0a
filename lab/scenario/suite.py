"""Suites: scenarios that run one after the other under one plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from device_agents.contract import Name
from lab.documents.tables import Table, check, nearest, parse, read_text
from lab.errors import ScenarioError
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load, same_name
from lab.scenario.plan import Plan, Scenario


@dataclass(frozen=True)
class Suite:
    """Scenarios that run one after the other; `plan` overrides keys of their own plans."""

    name: str
    scenarios: tuple[str, ...]
    plan: Mapping[str, float | int]


class _SuiteHeader(Table):
    name: Name
    question: str = ""
    scenarios: Annotated[list[Name], Field(min_length=1)]


class _SuiteFile(Table):
    suite: _SuiteHeader
    plan: dict[str, object] = Field(default_factory=dict)


def load_suite(path: Path) -> Suite:
    """Read a suite, and check its plan and that its scenarios lie beside it; raises `ScenarioError`."""
    file = check(_SuiteFile, parse(read_text(path, "suite"), path), at=str(path))
    same_name(file.suite.name, path.stem, at=str(path))
    plan = check(Plan, file.plan, at=str(path), tables="[plan]").model_dump(exclude_unset=True)
    names = file.suite.scenarios
    beside = sorted(other.stem for other in path.parent.glob("*.toml") if other != path)
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ScenarioError(f"{path}: 'suite.scenarios' names {name!r} twice")
        if name not in beside:
            raise ScenarioError(
                f"{path}: 'suite.scenarios': no {name}.toml beside it; {nearest(name, beside)}"
                f"known: {', '.join(beside) or 'none'}"
            )
    return Suite(file.suite.name, tuple(names), plan)


def scenarios_of(name: str | None, suite: str | None, overrides: Mapping[str, int]) -> list[Scenario]:
    """Return the scenarios to run: one by name or path, or all of the suite.

    A suite's plan, and then `overrides`, override the scenarios' own plans. Raises `ScenarioError`.
    """
    chosen = None if suite is None else load_suite(SCENARIOS / f"{suite}.toml")
    plan = {**(chosen.plan if chosen else {}), **overrides}
    if name is None and chosen is not None:
        return [load(SCENARIOS / f"{each}.toml", plan=plan) for each in chosen.scenarios]
    if name is None:
        raise ScenarioError(
            "wanted a scenario or a suite, found neither: `lab run vit_batch`, or `lab run --suite quick`"
        )
    path = Path(name) if name.endswith(".toml") else SCENARIOS / f"{name}.toml"
    return [load(path, plan=plan)]
