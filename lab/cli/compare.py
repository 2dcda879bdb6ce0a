"""The command `lab compare`: two builds, runtimes, parameters or devices against each other."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import DATA, WAIT_S, Data, Wait, console, finite, opened, refuse
from lab.cli.output import data_option, short, write
from lab.cli.run import ProfileName, build_option
from lab.errors import LabError, RunError

if TYPE_CHECKING:
    from lab.compare.comparison import Side, Step
    from lab.records import Comparison, Trial
    from lab.run.turn import Terms
    from lab.store import Store


class Differs(StrEnum):
    """The dimension a comparison declares, as an option's choices."""

    BUILD = "build"
    RUNTIME = "runtime"
    PARAMETER = "parameter"
    DEVICE = "device"


BUDGET_S = 1800.0
"""As `comparison.BUDGET_S`, which is not loaded for `--help`."""


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
        str | None,
        typer.Option(help="Where to measure both: host, or a device's name or serial. [default: host]"),
    ] = None,
    differs: Annotated[
        Differs | None,
        typer.Option(
            help="What A and B are: build, runtime (builds for two runtimes), parameter (two cells of the "
            "scenario, as patches_per_batch=1), device (two devices). Only builds and runtimes can be regressed. "
            "[default: build]"
        ),
    ] = None,
    build: Annotated[
        list[str] | None,
        typer.Option(
            help="The build of both sides, where A and B are no builds. [default: nano-paper] With --resume: a "
            "build's folder, for each that lies outside the data root."
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=1,
            callback=finite,
            help=f"Device-seconds after which it stops, verdict or not. [default: {BUDGET_S:.0f}]",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the pairs' order; drawn and recorded if left out.")
    ] = None,
    profile: Annotated[
        ProfileName | None,
        typer.Option(
            help="How much of a phone is changed while it is measured, as for `lab run`. [default: observe]"
        ),
    ] = None,
    runs: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="RUN_A RUN_B", help="Measure nothing: the ratio of two finished runs, no verdict."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a comparison: the newest that can go on, or the one whose id A begins.",
        ),
    ] = False,
    data: Data = DATA,
    wait: Wait = WAIT_S,
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
    from lab.cli.work import teller
    from lab.compare.sides import Wanted, one_scenario, sides_of
    from lab.run.benches import terms_of

    store = opened(data)
    plan = {"scenario": scenario, "device": device, "budget": budget, "seed": seed, "profile": profile}
    if runs is not None:
        refuse(
            "--runs takes two runs as they were measured",
            A=baseline,
            B=candidate,
            resume=resume or None,
            build=build or None,
            **plan,
        )
        found = _judged(store, runs, differs or Differs.BUILD)
    elif resume:
        refuse("--resume takes nothing that was decided already", B=candidate, differs=differs, **plan)
        found = _resumed(store, baseline, build or [], terms_of(store, wait, tell=teller(console())))
    else:
        if baseline is None or candidate is None:
            raise RunError("wanted what to compare: lab compare A B, or --runs RUN_A RUN_B, or --resume")
        terms = terms_of(store, wait, tell=teller(console()))
        if len(build or []) > 1:
            raise RunError("--build: wanted one build for both sides; two builds to compare are A and B")
        wanted = Wanted(
            (baseline, candidate),
            (differs or Differs.BUILD).value,
            one_scenario(scenario),
            device or "host",
            next(iter(build or []), None),
            (profile or ProfileName.OBSERVE).value,
        )
        sides = sides_of(store, wanted, terms)
        found = _begun(sides, differs or Differs.BUILD, seed, BUDGET_S if budget is None else budget)
    _told(store, found, html)


def _begun(sides: tuple[Side, Side], differs: Differs, seed: int | None, budget: float) -> Comparison:
    from lab.compare.comparison import open_comparison

    comparison, _, _ = open_comparison(
        baseline=sides[0],
        candidate=sides[1],
        dimension=differs.value,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        budget_s=budget,
    )
    return _measured(comparison, sides)


def _resumed(store: Store, named: str | None, folders: Sequence[str], terms: Terms) -> Comparison:
    """Go on with a comparison on the devices it was begun on; one that is finished is only told again."""
    from lab.compare import comparison as library
    from lab.compare.newest import comparison_to_go_on_with
    from lab.compare.sides import reopened
    from lab.identifiers import now_utc

    comparison = comparison_to_go_on_with(store, named)
    if comparison.status == "finished":
        if not comparison.baseline_run:
            raise RunError(f"comparison {comparison.id} was incomparable and measured nothing: begin a new one")
        return comparison
    keep = library.next_run(store, comparison, now_utc())
    runs = library.runs_of(store, comparison)
    sides = reopened(store, (runs["baseline"], runs["candidate"]), folders, replace(terms, keep=keep))
    library.reopen(comparison, *sides)
    return _measured(comparison, sides)


def _measured(comparison: Comparison, sides: tuple[Side, Side]) -> Comparison:
    """Measure what a comparison lacks, with progress; leaves with status 2 when interrupted."""
    from lab.cli import work as session
    from lab.compare import comparison as library

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
                    end(pair_words(step))
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted; every finished trial is saved. Go on with: {go_on}", err=True)
        raise typer.Exit(2) from None
    except LabError as error:
        if store.comparison(comparison.id).differs:
            raise
        raise type(error)(f"{error}\nThe comparison can go on: {go_on}") from error
    return store.comparison(comparison.id)


def pair_words(step: Step) -> str:
    """Return what a pair brought, in a line: why it is lost, where it is, and how far its cell is."""
    from lab.stats.sample import counted

    bad = next((trial for trial in step.trials if not counted(trial, step.comparison.metric)), None)
    change = step.cell.change
    so_far = (
        "no pair yet"
        if change is None
        else f"B / A {change.estimate:.3f} after {change.n} pair{'' if change.n == 1 else 's'}"
    )
    if change is not None and change.low is not None and change.high is not None:
        so_far += f" ({change.low:.3f} to {change.high:.3f})"
    told = f"does not count: {_why(bad)}; " if bad else ""
    return f"{step.cell.cell}: {told}{so_far}, {step.cell.verdict}"


def _why(trial: Trial) -> str:
    """Return why a trial does not count."""
    if trial.reason is not None:
        return str(trial.reason)
    return "it never settled" if trial.state == "unsteady" else "it has no figure"


def _judged(store: Store, runs: tuple[str, str], differs: Differs) -> Comparison:
    from lab.compare.stored import judge_runs

    first, second = (store.run(text) for text in runs)
    return judge_runs(store, first, second, differs.value)


def _told(store: Store, comparison: Comparison, html: Path | None) -> None:
    """Print a comparison; leaves with status 1 when it regressed, 2 when nothing could be compared."""
    from rich.console import Console

    from lab.compare.newest import newest_that_judged
    from lab.report.verdict.page import render_verdict_page
    from lab.report.verdict.terminal import render_terminal
    from lab.report.verdict.view import view

    sides = [store.run(run_id) for run_id in (comparison.baseline_run, comparison.candidate_run)]
    trials = [store.trials(run.id) for run in sides]
    found = view(
        comparison,
        (sides[0], trials[0]),
        (sides[1], trials[1]),
        newest_that_judged(store.selfchecks(comparison.device)),
    )
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
