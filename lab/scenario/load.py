"""Scenarios and suites: a TOML file that asks one question becomes cells and a plan, or is refused in words."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from device_agents.contract import Name
from lab.documents import Table, check, nearest, parse, read_text
from lab.errors import ScenarioError
from lab.records import Cell, Parameter, Published
from lab.scenario.workloads import WORKLOADS

LOOP_BLOCKS = 4
"""Trials of each cell before a closed loop looks: no interval from fewer (lab.stats.summary.MIN_TRIALS)."""

LOOP_MOST = 6
"""Trials at which a closed loop's first interval can be had (docs/adr/0012: order statistics, looked at often)."""

SCENARIOS = (Path(__file__).parent / "bundled").resolve()
"""The scenarios that come with pocketlab: `bundled` is a link to `scenarios/`, and a wheel has the files."""

Words = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Plan:
    """How much is measured: `blocks` trials a cell; a trial longer than `timeout_s` is given up.

    With a `target` (relative half-width, 0.02 = 2 %) cells whose interval is wider go on, up to `most` trials,
    until `budget_s` device-seconds are spent; where `most` is `blocks` the number of trials is fixed. With
    `duration_s` every trial goes on for about that long.
    """

    warmup: int
    iterations: int
    blocks: int
    timeout_s: float
    most: int | None = None
    target: float | None = None
    budget_s: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class Gates:
    """What a trial must keep to: `max_gap` is the share of an iteration that no span may account for.

    A trial starts when the device is cool and quiet, and is waited for up to `wait_s`, looking every `poll_s`
    (lab.gates has the sources of the numbers). What throttles in between is rejected unless `throttling` is
    `keep`, as where heat is what is asked about.
    """

    max_gap: float
    start: Literal["every trial", "first trial", "never"] = "every trial"
    wait_s: float = 1800.0
    poll_s: float = 5.0
    load_wait_s: float = 30.0
    battery_level_least: float = 20.0
    battery_celsius_most: float = 35.0
    skin_above_idle_most: float = 2.0
    soc_above_idle_most: float = 5.0
    thermal_status_most: int = 0
    busy_per_core_most: float = 0.5
    pause_s: float = 600.0
    throttling: Literal["reject", "keep"] = "reject"
    cap_share_least: float = 0.85
    abort_battery_celsius: float = 40.0
    abort_thermal_status: int = 2


@dataclass(frozen=True)
class Scenario:
    """One question; `metric` answers it, `repeats` names the published figure it repeats, or is empty."""

    name: str
    question: str
    repeats: str
    metric: str
    kind: str
    cells: tuple[Cell, ...]
    plan: Plan
    gates: Gates
    toml: str


@dataclass(frozen=True)
class Suite:
    """Scenarios that run one after the other; `plan` overrides what they say themselves."""

    name: str
    scenarios: tuple[str, ...]
    plan: Mapping[str, float | int]


class _Plan(Table):
    warmup: Annotated[int, Field(ge=0)] = 1
    iterations: Positive = 3
    blocks: Positive = 6
    timeout_s: Annotated[float, Field(gt=0)] = 120
    most: Positive | None = None
    target: Annotated[float, Field(gt=0, lt=1)] | None = None
    budget_s: Annotated[float, Field(gt=0)] | None = None
    duration_s: Annotated[float, Field(gt=0)] | None = None


Seconds = Annotated[float, Field(ge=0)]


class _Gates(Table):
    max_gap: Annotated[float, Field(gt=0, lt=1)] = 0.10
    start: Literal["every trial", "first trial", "never"] = "every trial"
    wait_s: Seconds = 1800.0
    poll_s: Annotated[float, Field(gt=0)] = 5.0
    load_wait_s: Seconds = 30.0
    battery_level_least: Annotated[float, Field(ge=0, le=100)] = 20.0
    battery_celsius_most: float = 35.0
    skin_above_idle_most: Seconds = 2.0
    soc_above_idle_most: Seconds = 5.0
    thermal_status_most: Annotated[int, Field(ge=0, le=6)] = 0
    busy_per_core_most: Seconds = 0.5
    pause_s: Seconds = 600.0
    throttling: Literal["reject", "keep"] = "reject"
    cap_share_least: Annotated[float, Field(ge=0, le=1)] = 0.85
    abort_battery_celsius: float = 40.0
    abort_thermal_status: Annotated[int, Field(ge=1, le=6)] = 2


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


class _SuiteHeader(Table):
    name: Name
    question: str = ""
    scenarios: Annotated[list[Name], Field(min_length=1)]


class _SuiteFile(Table):
    suite: _SuiteHeader
    plan: dict[str, object] = Field(default_factory=dict)


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


def load_suite(path: Path) -> Suite:
    """Read a suite and check its plan and that its scenarios lie beside it; raises `ScenarioError`."""
    file = check(_SuiteFile, parse(read_text(path, "suite"), path), at=str(path))
    _same_name(path, file.suite.name)
    plan = check(_Plan, file.plan, at=f"{path}: [plan]").model_dump(exclude_unset=True)
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


def published(path: Path) -> tuple[Published, ...]:
    """Read figures from the literature, in the order of the file; raises `ScenarioError`."""
    file = check(_PublishedFile, parse(read_text(path, "figure"), path), at=str(path))
    return tuple(Published(**figure.model_dump()) for figure in file.figure)


def _closed_loop(path: Path, plan: _Plan) -> None:
    """Refuse a closed loop that could not be kept; where `most` is `blocks` there is none."""
    most = plan.blocks if plan.most is None else plan.most
    if most < plan.blocks:
        raise ScenarioError(f"{path}: [plan]: 'most' is {most}, fewer than 'blocks', {plan.blocks}: raise it")
    if most == plan.blocks and (plan.target is None or plan.most is not None):
        return
    if plan.target is None or plan.budget_s is None or plan.most is None:
        raise ScenarioError(
            f"{path}: [plan]: 'target', 'most' and 'budget_s' belong together: the half-width wanted of every "
            "interval, and when to give it up"
        )
    if plan.most < LOOP_MOST:
        raise ScenarioError(
            f"{path}: [plan]: wanted 'most' of at least {LOOP_MOST} where there is a 'target' (an interval that "
            f"is looked at often needs so many trials), found {plan.most}"
        )
    if plan.blocks < LOOP_BLOCKS:
        raise ScenarioError(
            f"{path}: [plan]: wanted at least {LOOP_BLOCKS} blocks where there is a 'target' (no interval from "
            f"fewer trials), found {plan.blocks}"
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
