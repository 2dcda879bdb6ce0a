"""Scenarios and suites: a TOML file that asks one question becomes cells and a plan, or is refused in words."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from device_agents.contract import Name
from lab.documents import Table, check, nearest, parse, read_text
from lab.errors import ScenarioError
from lab.records import Cell, Parameter
from lab.scenario.plan import Gates, Plan, Scenario, Words, _closed_loop, _Gates, _Plan
from lab.scenario.workloads import WORKLOADS

SCENARIOS = (Path(__file__).parent / "bundled").resolve()
"""The scenarios that come with pocketlab: `bundled` is a link to `scenarios/`, and a wheel has the files."""


class _Header(Table):
    name: Name
    question: Words
    repeats: str = ""
    metric: Words


class _ScenarioFile(Table):
    scenario: _Header
    workload: dict[str, object]
    sweep: dict[str, list[object]] | None = None
    cells: list[dict[str, object]] | None = None
    plan: _Plan = _Plan()
    gates: _Gates = _Gates()


def load(path: Path, *, plan: Mapping[str, float | int] | None = None) -> Scenario:
    """Read a scenario; `plan` overrides keys of its plan.

    Raises `ScenarioError` that names the file and the key.
    """
    text = read_text(path, "scenario")
    document = parse(text, path)
    if "suite" in document:
        raise ScenarioError(f"{path}: {path.stem} is a suite of scenarios, not one: --suite {path.stem}")
    file = check(_ScenarioFile, document, at=str(path))
    _same_name(path, file.scenario.name)
    fixed = dict(file.workload)
    kind = _kind(path, fixed)
    metrics = WORKLOADS[kind].metrics
    if file.scenario.metric not in metrics:
        raise ScenarioError(
            f"{path}: 'scenario.metric': no such metric of {kind}: {file.scenario.metric!r}; "
            f"{nearest(file.scenario.metric, metrics)}known: {', '.join(metrics)}"
        )
    merged = check(_Plan, file.plan.model_dump() | dict(plan or {}), at=f"{path}: [plan]")
    _closed_loop(path, merged)
    return Scenario(
        **file.scenario.model_dump(),
        kind=kind,
        cells=_cells(path, file, fixed, kind),
        plan=Plan(**merged.model_dump()),
        gates=Gates(**file.gates.model_dump()),
        toml=text,
    )


def _same_name(path: Path, name: str) -> None:
    if name != path.stem:
        raise ScenarioError(f"{path}: 'name' is {name!r}, but the file is called {path.stem!r}; make them equal")


def _kind(path: Path, fixed: dict[str, object]) -> str:
    """Take the kind out of the workload's table."""
    if "kind" not in fixed:
        raise ScenarioError(f"{path}: 'workload.kind' is missing; known kinds: {', '.join(WORKLOADS)}")
    kind = fixed.pop("kind")
    if not isinstance(kind, str) or kind not in WORKLOADS:
        raise ScenarioError(
            f"{path}: 'workload.kind': no workload {kind!r}; {nearest(str(kind), WORKLOADS)}"
            f"known kinds: {', '.join(WORKLOADS)}"
        )
    return kind


def _cells(path: Path, file: _ScenarioFile, fixed: dict[str, object], kind: str) -> tuple[Cell, ...]:
    """Return the cells in the order of the file: the last key of a sweep turns fastest."""
    cells: list[Cell] = []
    for table, listed in _choices(path, file):
        chosen = {name: value for name, value in listed.items() if name != "label"}
        label = listed.get("label", "") if file.cells is not None else ""
        if not isinstance(label, str):
            raise ScenarioError(f"{path}: {table}: 'label': wanted text, found {label!r}")
        if label and any(cell.label == label for cell in cells):
            raise ScenarioError(f"{path}: {table}: another cell has the label {label!r} already")
        both = sorted(fixed.keys() & chosen.keys())
        if both:
            raise ScenarioError(f"{path}: {both[0]!r} is both fixed in [workload] and chosen in {table}; keep one")
        tables = dict.fromkeys(fixed, "[workload]") | dict.fromkeys(chosen, table)
        checked = check(WORKLOADS[kind].parameters, fixed | chosen, at=str(path), tables=tables)
        parameters: dict[str, Parameter] = checked.model_dump()
        key = ", ".join(f"{name}={_shown(parameters[name])}" for name in chosen) or file.scenario.name
        twin = next((cell for cell in cells if cell.parameters == parameters), None)
        if twin is not None:
            raise ScenarioError(f"{path}: {table}: the cell {key!r} is the same as {twin.key!r}; remove one")
        cells.append(Cell(key, parameters, label))
    return tuple(cells)


def _choices(path: Path, file: _ScenarioFile) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield (table's name, chosen parameters) for each cell."""
    if file.sweep is not None and file.cells is not None:
        raise ScenarioError(f"{path}: has both [sweep] and [[cells]]; keep one of them")
    if file.cells is not None:
        if not file.cells:
            raise ScenarioError(f"{path}: 'cells' is empty; list at least one cell, or remove it")
        for number, chosen in enumerate(file.cells, start=1):
            if not chosen.keys() - {"label"}:
                raise ScenarioError(f"{path}: [[cells]] {number} names no parameter")
            yield f"[[cells]] {number}", chosen
        return
    if file.sweep is None:
        yield "[workload]", {}
        return
    if not file.sweep:
        raise ScenarioError(f"{path}: [sweep] names no parameter; name one, or remove the table")
    for key, values in file.sweep.items():
        if not values:
            raise ScenarioError(f"{path}: [sweep] {key!r} is an empty list; give it at least one value")
    for point in itertools.product(*file.sweep.values()):
        yield "[sweep]", dict(zip(file.sweep, point, strict=True))


def _shown(value: Parameter) -> str:
    """Return a value as TOML writes it, strings bare."""
    return str(value).lower() if isinstance(value, bool) else str(value)
