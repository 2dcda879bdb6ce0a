"""Suites: scenarios that run one after the other under one plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from device_agents.contract import Name
from lab.documents.tables import Table, check, nearest, parse, read_text
from lab.errors import ScenarioError
from lab.scenario.known import SCENARIOS
from lab.scenario.load import load, same_name
from lab.scenario.nights import Nightly, Policy
from lab.scenario.plan import Plan, Scenario


@dataclass(frozen=True)
class Suite:
    """Scenarios that run one after the other, the most important first; `plan` overrides keys of their own plans.

    `cells` names, for some scenarios, the only cells that are measured. `nightly` is set if it can run each night.
    """

    name: str
    scenarios: tuple[str, ...]
    plan: Mapping[str, float | int]
    cells: Mapping[str, tuple[str, ...]]
    nightly: Nightly | None
    policy: Policy
    toml: str


class _SuiteHeader(Table):
    name: Name
    question: str = ""
    scenarios: Annotated[list[Name], Field(min_length=1)]


class _SuiteFile(Table):
    suite: _SuiteHeader
    plan: dict[str, object] = Field(default_factory=dict)
    cells: dict[str, list[str]] = Field(default_factory=dict)
    nightly: Nightly | None = None
    policy: Policy = Policy()


def load_suite(path: Path) -> Suite:
    """Read a suite, and check its plan and that its scenarios lie beside it; raises `ScenarioError`."""
    return read_suite(read_text(path, "suite"), path)


def read_suite(text: str, path: Path) -> Suite:
    """Read a suite from its text, as it stands (or stood) at `path`; raises `ScenarioError`."""
    file = check(_SuiteFile, parse(text, path), at=str(path))
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
    if unknown := [name for name in file.cells if name not in names]:
        raise ScenarioError(
            f"{path}: [cells] names {unknown[0]!r}, which is no scenario of the suite; "
            f"{nearest(unknown[0], names)}known: {', '.join(names)}"
        )
    cells = {name: tuple(keys) for name, keys in file.cells.items()}
    return Suite(file.suite.name, tuple(names), plan, cells, file.nightly, file.policy, text)


def scenario_in(suite: Suite, name: str, folder: Path, overrides: Mapping[str, int] | None = None) -> Scenario:
    """Return a scenario of a suite, which lies in `folder`, with the suite's plan and only the suite's cells.

    `overrides` override the plan. Raises `ScenarioError`.
    """
    found = load(folder / f"{name}.toml", plan={**suite.plan, **(overrides or {})})
    if (keys := suite.cells.get(name)) is None:
        return found
    known = [cell.key for cell in found.cells]
    for key in keys:
        if key not in known:
            raise ScenarioError(
                f"suite {suite.name}: [cells] {name}: no cell {key!r}; {nearest(key, known)}"
                f"known: {'; '.join(known)}"
            )
    return replace(found, cells=tuple(cell for cell in found.cells if cell.key in keys))


def scenarios_of(name: str | None, suite: str | None, overrides: Mapping[str, int]) -> list[Scenario]:
    """Return the scenarios to run: one by name or path, or all of the suite.

    A suite's plan, and then `overrides`, override the scenarios' own plans. Raises `ScenarioError`.
    """
    chosen = None if suite is None else load_suite(SCENARIOS / f"{suite}.toml")
    plan = {**(chosen.plan if chosen else {}), **overrides}
    if name is None and chosen is not None:
        return [scenario_in(chosen, each, SCENARIOS, overrides) for each in chosen.scenarios]
    if name is None:
        raise ScenarioError(
            "wanted a scenario or a suite, found neither: `lab run vit_batch`, or `lab run --suite quick`"
        )
    path = Path(name) if name.endswith(".toml") else SCENARIOS / f"{name}.toml"
    return [load(path, plan=plan)]
