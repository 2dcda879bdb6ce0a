"""Read a scenario: a TOML file that asks one question becomes cells and a plan, or is refused with a reason."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import AliasPath, BaseModel, ConfigDict, Field

from device_agents.contract import Name
from lab.documents.tables import Table, check, nearest, parse, read_text
from lab.errors import ScenarioError
from lab.records import Cell, Parameter, Run
from lab.scenario.plan import Gates, Plan, Scenario, Words, check_closed_loop
from lab.scenario.workloads import WORKLOADS

MOST_CELLS = 1_000
"""Most cells of a scenario. A judgement: with six trials of ten seconds each, these take most of a day."""


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
    plan: Plan = Plan()
    gates: Gates = Gates()


class Heading(BaseModel):
    """The keys of a saved scenario that its results are shown with.

    All other keys are ignored: results can be shown even if this version of the lab rejects the rest of their
    scenario. `duration_s` is None unless trials last on purpose.
    """

    model_config = ConfigDict(frozen=True)

    question: str = Field(validation_alias=AliasPath("scenario", "question"))
    metric: str = Field(validation_alias=AliasPath("scenario", "metric"))
    kind: str = Field(validation_alias=AliasPath("workload", "kind"))
    duration_s: float | None = Field(None, validation_alias=AliasPath("plan", "duration_s"))


def heading_of(run: Run) -> Heading:
    """Return the heading of a run's own copy of its scenario; raises `ScenarioError` that names the run."""
    at = f"the scenario of run {run.id}"
    found = check(Heading, parse(run.scenario_toml, at), at=at)
    _check_metric(found.metric, _known_kind(at, found.kind), at=at)
    return found


def load(path: Path, *, plan: Mapping[str, float | int] | None = None) -> Scenario:
    """Read a scenario from its file; `plan` overrides keys of its plan.

    Raises `ScenarioError` that names the file and the key.
    """
    return read(read_text(path, "scenario"), path.stem, at=str(path), plan=plan)


def read(text: str, name: str, *, at: str, plan: Mapping[str, float | int] | None = None) -> Scenario:
    """Read the scenario `name` from TOML text; `plan` overrides keys of its plan.

    Raises `ScenarioError` that opens with `at`, where the text comes from, and names the key.
    """
    document = parse(text, at)
    if "suite" in document:
        raise ScenarioError(f"{at}: {name} is a suite of scenarios, not one: --suite {name}")
    if "study" in document:
        raise ScenarioError(f"{at}: {name} is a study of image sizes, which measures nothing: `lab study`")
    file = check(_ScenarioFile, document, at=at)
    same_name(file.scenario.name, name, at=at)
    fixed = dict(file.workload)
    kind = _kind(at, fixed)
    _check_metric(file.scenario.metric, kind, at=at)
    merged = check(Plan, file.plan.model_dump() | dict(plan or {}), at=at, tables="[plan]")
    check_closed_loop(merged, at=at)
    return Scenario(
        **file.scenario.model_dump(),
        kind=kind,
        cells=_cells(at, file, fixed, kind),
        plan=merged,
        gates=file.gates,
        toml=text,
    )


def same_name(name: str, wanted: str, *, at: str) -> None:
    """Refuse a scenario or suite whose `name` is not that of its file; raises `ScenarioError`."""
    if name != wanted:
        raise ScenarioError(f"{at}: 'name' is {name!r}, but the file is called {wanted!r}; make them equal")


def _kind(at: str, fixed: dict[str, object]) -> str:
    """Remove the kind from the table of the workload and return it; raises `ScenarioError`."""
    if "kind" not in fixed:
        raise ScenarioError(f"{at}: 'workload.kind' is missing; known kinds: {', '.join(WORKLOADS)}")
    return _known_kind(at, fixed.pop("kind"))


def _known_kind(at: str, kind: object) -> str:
    """Return the kind of a workload; raises `ScenarioError` for one that is none."""
    if not isinstance(kind, str) or kind not in WORKLOADS:
        raise ScenarioError(
            f"{at}: 'workload.kind': no workload {kind!r}; {nearest(str(kind), WORKLOADS)}"
            f"known kinds: {', '.join(WORKLOADS)}"
        )
    return kind


def _check_metric(metric: str, kind: str, *, at: str) -> None:
    """Raise `ScenarioError` unless workloads of this kind have this metric."""
    if metric not in (metrics := WORKLOADS[kind].metrics):
        raise ScenarioError(
            f"{at}: 'scenario.metric': no such metric of {kind}: {metric!r}; "
            f"{nearest(metric, metrics)}known: {', '.join(metrics)}"
        )


def _cells(at: str, file: _ScenarioFile, fixed: dict[str, object], kind: str) -> tuple[Cell, ...]:
    """Return the cells in the order of the file: the last key of a sweep turns fastest."""
    cells: list[Cell] = []
    many = len(file.cells or ()) or math.prod(map(len, (file.sweep or {}).values()))
    if many > MOST_CELLS:
        raise ScenarioError(f"{at}: wanted at most {MOST_CELLS:,} cells, found {many:,}; leave out some values")
    for table, listed in _choices(at, file):
        chosen = {name: value for name, value in listed.items() if name != "label"}
        label = listed.get("label", "") if file.cells is not None else ""
        if not isinstance(label, str):
            raise ScenarioError(f"{at}: {table}: 'label': wanted text, found {label!r}")
        if label and any(cell.label == label for cell in cells):
            raise ScenarioError(f"{at}: {table}: another cell has the label {label!r} already")
        both = sorted(fixed.keys() & chosen.keys())
        if both:
            raise ScenarioError(f"{at}: {both[0]!r} is both fixed in [workload] and chosen in {table}; keep one")
        tables = dict.fromkeys(fixed, "[workload]") | dict.fromkeys(chosen, table)
        checked = check(WORKLOADS[kind].parameters, fixed | chosen, at=at, tables=tables)
        parameters: dict[str, Parameter] = checked.model_dump()
        parameters |= {name: getattr(checked, name) for name in chosen}  # a default that is chosen stays
        key = ", ".join(f"{name}={_shown(parameters[name])}" for name in chosen) or file.scenario.name
        twin = next((cell for cell in cells if cell.parameters == parameters), None)
        if twin is not None:
            raise ScenarioError(f"{at}: {table}: the cell {key!r} is the same as {twin.key!r}; remove one")
        cells.append(Cell(key, parameters, label))
    return tuple(cells)


def _choices(at: str, file: _ScenarioFile) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield (name of the table, chosen parameters) for each cell."""
    if file.sweep is not None and file.cells is not None:
        raise ScenarioError(f"{at}: has both [sweep] and [[cells]]; keep one of them")
    if file.cells is not None:
        if not file.cells:
            raise ScenarioError(f"{at}: 'cells' is empty; list at least one cell, or remove it")
        for number, chosen in enumerate(file.cells, start=1):
            if not chosen.keys() - {"label"}:
                raise ScenarioError(f"{at}: [[cells]] {number} names no parameter")
            yield f"[[cells]] {number}", chosen
        return
    if file.sweep is None:
        yield "[workload]", {}
        return
    if not file.sweep:
        raise ScenarioError(f"{at}: [sweep] names no parameter; name one, or remove the table")
    for key, values in file.sweep.items():
        if not values:
            raise ScenarioError(f"{at}: [sweep] {key!r} is an empty list; give it at least one value")
    for point in itertools.product(*file.sweep.values()):
        yield "[sweep]", dict(zip(file.sweep, point, strict=True))


def _shown(value: Parameter) -> str:
    """Return a value as TOML writes it, strings bare."""
    return str(value).lower() if isinstance(value, bool) else str(value)
