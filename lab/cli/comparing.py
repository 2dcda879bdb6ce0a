"""The command `lab compare`: two builds, runtimes, parameters or devices against each other."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import DATA, Data, console, opened
from lab.cli.output import data_option, short, write
from lab.cli.running import ProfileName, build_option
from lab.errors import LabError, RunError, ScenarioError

if TYPE_CHECKING:
    from lab.bench import Bench
    from lab.comparison import Side, Step
    from lab.fleet import Terms
    from lab.records import Cell, Comparison, Profile, Run
    from lab.scenario import Scenario
    from lab.store import Store

BUDGET_S = 1800.0
"""As `comparison.BUDGET_S`, which is not loaded for `--help`."""


class Differs(StrEnum):
    """What a comparison is about."""

    BUILD = "build"
    RUNTIME = "runtime"
    PARAMETER = "parameter"
    DEVICE = "device"


def compare(
    baseline: Annotated[
        str | None,
        typer.Argument(
            metavar="[A]", help="The baseline: a build (line, start of an id, folder), cell or device."
        ),
    ] = None,
    candidate: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The candidate, of the same sort. With --resume: neither.")
    ] = None,
    *,
    scenario: Annotated[str | None, typer.Option(help="What to measure: a scenario's name or .toml file.")] = None,
    device: Annotated[
        str, typer.Option(help="Where to measure both: host, or a device's name or serial.")
    ] = "host",
    differs: Annotated[
        Differs,
        typer.Option(
            help="What A and B are: build, runtime (builds for two runtimes), parameter (two cells of the "
            "scenario, as patches_per_batch=1), device (two devices). Only builds and runtimes can be regressed."
        ),
    ] = Differs.BUILD,
    build: Annotated[
        list[str] | None,
        typer.Option(
            help="The build of both sides, where A and B are no builds. [default: nano-paper] With --resume: a "
            "build's folder, for each that lies outside the data root."
        ),
    ] = None,
    budget: Annotated[
        float, typer.Option(min=1, help="Device-seconds after which it stops, verdict or not.")
    ] = BUDGET_S,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the pairs' order; drawn and recorded if left out.")
    ] = None,
    profile: Annotated[
        ProfileName, typer.Option(help="How much of a phone is changed while it is measured, as for `lab run`.")
    ] = ProfileName.OBSERVE,
    runs: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="RUN_A RUN_B", help="Measure nothing: the ratio of two finished runs, no verdict."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a comparison: the newest, or the one whose id A begins.")
    ] = False,
    data: Data = DATA,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for another lab on this machine or device.")
    ] = 900,
    html: Annotated[
        Path | None, typer.Option(help="Also write one page: raw dots, every pair, both contexts.")
    ] = None,
) -> None:
    """Say whether B is worse than A: measured in turn on one device, pair by pair, until the verdict stands.

    Pairs come as A B B A or B A A B, drawn by the seed; every cell of the scenario is a comparison of its own and
    is left alone once settled. The looks at the results are paid for before the first. A device judges builds
    only after it has repeated its own reference cell within 5 % in five tries (for a day, in one boot).

    Exit status 1 when a cell regressed, after Holm's correction for the number of cells; 2 when the lab failed, or
    when A and B differ in more than what is compared.

    Every trial is saved as it arrives. After Ctrl-C or kill -9 `lab compare --resume` goes on.
    """
    from lab.cli import session

    store = opened(data)
    if runs is not None:
        _refuse_with("--runs", A=baseline, B=candidate, scenario=scenario, build=build or None, seed=seed)
        found = _judged(store, runs, differs)
    elif resume:
        _refuse_with("--resume", B=candidate, scenario=scenario, seed=seed)
        found = _resumed(store, baseline or "last", build or [], session.terms_of(store, wait, console()))
    else:
        if baseline is None or candidate is None:
            raise RunError("wanted what to compare: lab compare A B, or --runs RUN_A RUN_B, or --resume")
        terms = session.terms_of(store, wait, console())
        if len(build or []) > 1:
            raise RunError("--build: wanted one build for both sides; two builds to compare are A and B")
        named = (baseline, candidate)
        wanted = _Wanted(named, differs, _one_scenario(scenario), device, next(iter(build or []), None), profile)
        sides = _sides(store, wanted, terms)
        found = _begun(sides, differs, seed, budget)
    _told(store, found, html)


def _refuse_with(option: str, **given: object) -> None:
    if names := [name if len(name) == 1 else f"--{name}" for name, value in given.items() if value is not None]:
        raise RunError(f"{option} takes nothing that was decided already; leave {', '.join(names)} out")


@dataclass(frozen=True)
class _Wanted:
    """What the command was asked to compare: A and B as they were named."""

    named: tuple[str, str]
    differs: Differs
    scenario: Scenario
    device: str
    build: str | None
    profile: ProfileName


def _one_scenario(name: str | None) -> Scenario:
    from lab.cli import session

    if name is None:
        raise ScenarioError("wanted what to measure: --scenario NAME, as decode, prefill_tokens or vit_batch")
    return session.scenarios_of(name, None, {})[0]


def _sides(store: Store, wanted: _Wanted, terms: Terms) -> tuple[Side, Side]:
    """Return what is measured on each side; raises as the session does for what is not there."""
    from lab.cli import session
    from lab.comparison import Side

    differs, named = wanted.differs, wanted.named
    by_build = differs in (Differs.BUILD, Differs.RUNTIME)
    if by_build and wanted.build is not None:
        raise RunError(f"--differs {differs}: A and B are the builds; leave --build out")
    lines = named if by_build else (wanted.build or session.DEFAULT_BUILD,) * 2
    places = named if differs is Differs.DEVICE else (wanted.device,) * 2
    scenarios = [wanted.scenario] * 2
    if differs is Differs.PARAMETER:
        scenarios = [replace(wanted.scenario, cells=(_cell(wanted.scenario, text),)) for text in named]
    first, second = (
        Side(scenario, bench, session.line_of(store, bench.build, line))
        for scenario, bench, line in zip(
            scenarios, _benches(store, places, lines, terms, wanted.profile.value), lines, strict=True
        )
    )
    return first, second


def _benches(
    store: Store, places: Sequence[str], builds: Sequence[str], terms: Terms, profile: Profile | None
) -> list[Bench]:
    """Return the bench of each side; on two devices both turns are taken at once."""
    from lab import fleet
    from lab.cli import session

    found = {text: session.devices_of(store, text, console()) for text in dict.fromkeys(places)}
    for text, devices in found.items():
        if len(devices) != 1:
            raise RunError(f"wanted one device, {text!r} means {len(devices)}: compare on one at a time")
    first, second = (found[text][0] for text in places)
    benches = [
        session.benches_of(store, [device], build, terms, profile)[0]
        for device, build in zip((first, second), builds, strict=True)
    ]
    if first.identity.name == second.identity.name:
        return benches
    leases = fleet.leases_of_two(first, second, terms)
    return [replace(bench, lease=lease) for bench, lease in zip(benches, leases, strict=True)]


def _cell(chosen: Scenario, text: str) -> Cell:
    """Return the one cell of a scenario that a text names: its key, a part of it, or its label."""
    found = [cell for cell in chosen.cells if text in (cell.key, cell.label)]
    found = found or [cell for cell in chosen.cells if text in cell.key.split(", ")]
    if len(found) != 1:
        listed = "; ".join(cell.key for cell in chosen.cells)
        raise ScenarioError(f"{chosen.name}: wanted one cell called {text!r}, found {len(found)}; cells: {listed}")
    return found[0]


def _begun(sides: tuple[Side, Side], differs: Differs, seed: int | None, budget: float) -> Comparison:
    from lab.comparison import open_comparison

    comparison, _, _ = open_comparison(
        baseline=sides[0],
        candidate=sides[1],
        dimension=differs.value,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        budget_s=budget,
    )
    return _measured(comparison, sides)


def _resumed(store: Store, text: str, folders: Sequence[str], terms: Terms) -> Comparison:
    """Go on with a comparison on the devices it was begun on; one that is finished is only told again."""
    from lab import comparison as library
    from lab.identifiers import now_utc

    comparison = store.comparison(text)
    if comparison.status == "finished":
        if not comparison.baseline_run:
            raise RunError(f"comparison {comparison.id} was incomparable and measured nothing: begin a new one")
        return comparison
    keep = library.next_run(store, comparison, now_utc())
    runs = library.runs_of(store, comparison)
    sides = _reopened(store, (runs["baseline"], runs["candidate"]), folders, replace(terms, keep=keep))
    library.reopen(comparison, *sides)
    return _measured(comparison, sides)


def _reopened(store: Store, runs: tuple[Run, Run], folders: Sequence[str], terms: Terms) -> tuple[Side, Side]:
    from lab.cli import session
    from lab.comparison import Side

    outside = {store.find_build(folder).id: folder for folder in folders}
    benches = _benches(
        store,
        [run.device for run in runs],
        [outside.get(run.build, run.build) for run in runs],
        terms,
        session.profile_of(runs[0]),
    )
    first, second = (
        Side(replace(session.scenario_of(run), cells=run.cells), bench, run.build_line, run.inject)
        for run, bench in zip(runs, benches, strict=True)
    )
    return first, second


def _measured(comparison: Comparison, sides: tuple[Side, Side]) -> Comparison:
    """Measure what a comparison lacks, with progress; leaves with status 2 when interrupted."""
    from lab import comparison as library
    from lab.cli import session

    store = sides[0].bench.store
    builds = dict.fromkeys(build_option(side.bench) for side in sides)
    go_on = f"lab compare --resume {comparison.id}{data_option(store.root)}{''.join(builds)}"
    title = f"compare {comparison.scenario} on {comparison.device}"
    total, done = comparison.looks_most * len(comparison.cells), sum(each.pairs for each in comparison.cells)
    try:
        with (
            session.at_work_on([side.bench for side in sides], console()) as (benches, display),
            display.steps(title, total, done) as (watch, end),
        ):
            first, second = (replace(side, bench=bench) for side, bench in zip(sides, benches, strict=True))
            with closing(library.measure(comparison, first, second, watch=watch, tell=display.say)) as steps:
                for step in steps:
                    end(_line(step))
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted; every finished trial is saved. Go on with: {go_on}", err=True)
        raise typer.Exit(2) from None
    except LabError as error:
        if store.comparison(comparison.id).differs:
            raise
        raise type(error)(f"{error}\nThe comparison can go on: {go_on}") from error
    return store.comparison(comparison.id)


def _line(step: Step) -> str:
    """Return what a pair brought, in a line."""
    bad = next((trial for trial in step.trials if not trial.valid), None)
    change = step.cell.change
    so_far = (
        "no pair yet"
        if change is None
        else f"B / A {change.estimate:.3f} after {change.n} pair{'' if change.n == 1 else 's'}"
    )
    if change is not None and change.low is not None and change.high is not None:
        so_far += f" ({change.low:.3f} to {change.high:.3f})"
    told = f"does not count: {bad.reason}; " if bad else ""
    return f"{step.cell.cell}: {told}{so_far}, {step.cell.verdict}"


def _judged(store: Store, runs: tuple[str, str], differs: Differs) -> Comparison:
    from lab.afterwards import judge_runs

    first, second = (store.run(text) for text in runs)
    return judge_runs(store, first, second, differs.value)


def _told(store: Store, comparison: Comparison, html: Path | None) -> None:
    """Print a comparison; leaves with status 1 when it regressed, 2 when nothing could be compared."""
    from rich.console import Console

    from lab.report.verdict import view
    from lab.report.verdict_page import render_verdict_page
    from lab.report.verdict_text import render_terminal

    sides = [store.run(run_id) for run_id in (comparison.baseline_run, comparison.candidate_run)]
    trials = [store.trials(run.id) for run in sides]
    selfcheck = next(iter(store.selfchecks(comparison.device)), None)
    found = view(comparison, (sides[0], trials[0]), (sides[1], trials[1]), selfcheck)
    Console().print(render_terminal(found))
    typer.echo(f"The sides: lab show {short(sides[0].id)} {short(sides[1].id)}{data_option(store.root)}")
    if html is not None:
        write(html, render_verdict_page(found, *trials))
    if found.fails:
        raise typer.Exit(1)
    if found.refusal:
        raise typer.Exit(2)
    if all(each.pairs == 0 for each in comparison.cells):
        why = "; ".join(dict.fromkeys(each.why for each in comparison.cells))
        raise RunError(f"comparison {comparison.id} could judge nothing, it has no valid pair: {why}")
