"""The two sides of a comparison, from what a user named or from the runs of an interrupted one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.compare.comparison import Side
from lab.errors import RunError, ScenarioError
from lab.records import Cell, Dimension, Profile, Run
from lab.run.bench import Bench
from lab.run.benches import DEFAULT_BUILD, benches_of, devices_of, line_of
from lab.run.resume import profile_of, scenario_of
from lab.run.turn import Terms, leases_of_two
from lab.scenario.plan import Scenario
from lab.scenario.suite import scenarios_of
from lab.store import Store


@dataclass(frozen=True)
class Wanted:
    """The comparison that a user asked for: A and B as they were named."""

    named: tuple[str, str]
    differs: Dimension
    scenario: Scenario
    device: str
    build: str | None
    profile: Profile


def one_scenario(name: str | None) -> Scenario:
    """Return the scenario that both sides measure; raises `ScenarioError`."""
    if name is None:
        raise ScenarioError(
            "wanted a scenario to measure: --scenario NAME, such as decode, prefill_tokens or vit_batch"
        )
    return scenarios_of(name, None, {})[0]


def sides_of(store: Store, wanted: Wanted, terms: Terms) -> tuple[Side, Side]:
    """Return the two sides; raises `RunError`, `ScenarioError`, and what finding builds and devices raises."""
    differs, named = wanted.differs, wanted.named
    by_build = differs in ("build", "runtime")
    if by_build and wanted.build is not None:
        raise RunError(f"--differs {differs}: A and B are the builds; leave --build out")
    lines = named if by_build else (wanted.build or DEFAULT_BUILD,) * 2
    places = named if differs == "device" else (wanted.device,) * 2
    scenarios = [wanted.scenario] * 2
    if differs == "parameter":
        scenarios = [replace(wanted.scenario, cells=(one_cell(wanted.scenario, text),)) for text in named]
    first, second = (
        Side(scenario, bench, line_of(store, bench.build, line))
        for scenario, bench, line in zip(
            scenarios, _benches(store, places, lines, terms, wanted.profile), lines, strict=True
        )
    )
    return first, second


def _benches(
    store: Store, places: Sequence[str], builds: Sequence[str], terms: Terms, profile: Profile | None
) -> list[Bench]:
    """Return the bench of each side; the turns of two devices are taken together."""
    found = {text: devices_of(store, text, tell=terms.tell) for text in dict.fromkeys(places)}
    for text, devices in found.items():
        if len(devices) != 1:
            raise RunError(f"wanted one device, {text!r} means {len(devices)}: compare on one at a time")
    first, second = (found[text][0] for text in places)
    benches = [
        benches_of(store, [device], build, terms, profile)[0]
        for device, build in zip((first, second), builds, strict=True)
    ]
    if first.identity.name == second.identity.name:
        return benches
    leases = leases_of_two(first, second, terms)
    return [replace(bench, lease=lease) for bench, lease in zip(benches, leases, strict=True)]


def one_cell(chosen: Scenario, text: str) -> Cell:
    """Return the one cell of a scenario that a text names: by its key, a part of it, or its label."""
    found = [cell for cell in chosen.cells if text in (cell.key, cell.label)]
    found = found or [cell for cell in chosen.cells if text in cell.key.split(", ")]
    if len(found) != 1:
        listed = "; ".join(cell.key for cell in chosen.cells)
        raise ScenarioError(f"{chosen.name}: wanted one cell called {text!r}, found {len(found)}; cells: {listed}")
    return found[0]


def reopened(store: Store, runs: tuple[Run, Run], folders: Sequence[str], terms: Terms) -> tuple[Side, Side]:
    """Return the sides of a comparison to be resumed; `folders` hold builds that are not in the store."""
    outside = {store.find_build(folder).id: folder for folder in folders}
    benches = _benches(
        store,
        [run.device for run in runs],
        [outside.get(run.build, run.build) for run in runs],
        terms,
        profile_of(runs[0]),
    )
    first, second = (
        Side(replace(scenario_of(run), cells=run.cells), bench, run.build_line, run.inject)
        for run, bench in zip(runs, benches, strict=True)
    )
    return first, second
