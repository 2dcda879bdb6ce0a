"""The command `lab compare`: two builds, runtimes, parameters or devices against each other."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.hints import completed, data_option, program
from lab.cli.judged import print_comparison
from lab.cli.options import DATA, WAIT_S, Data, Wait, finite, opened, refuse, tell
from lab.cli.output import AsCsv, AsJson, Regressed, only_one, unwritten
from lab.cli.work import at_work, build_option
from lab.compare.comparison import BUDGET_S, Side, measure, open_comparison
from lab.compare.resume import resumed
from lab.compare.sides import Wanted, one_scenario, sides_of
from lab.compare.stored import judge_runs
from lab.errors import LabError, RunError
from lab.records import Comparison, Dimension, Profile
from lab.report.verdict.pair import left_words, pair_words
from lab.report.verdict.sides import names_of
from lab.report.verdict.view import View
from lab.run.benches import terms_of
from lab.stats.interval import MOST_PAIRS, Looks


def compare(
    baseline: Annotated[
        str | None,
        typer.Argument(
            metavar="A",
            help="The baseline: a build (line, start of an id, folder), cell or device. With --resume: the start "
            "of a comparison's id.",
        ),
    ] = None,
    candidate: Annotated[str | None, typer.Argument(metavar="B", help="The candidate, of the same kind.")] = None,
    *,
    scenario: Annotated[str | None, typer.Option(help="What to measure: a scenario's name or .toml file.")] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Where to measure both: host, or a device's name or serial. [default: host]"),
    ] = None,
    differs: Annotated[
        Dimension | None,
        typer.Option(
            help="What A and B are: build, runtime (builds for two runtimes), parameter (two cells of the "
            "scenario, as patches_per_batch=1), device (two devices). Only builds and runtimes can be regressed. "
            "[default: build]"
        ),
    ] = None,
    build: Annotated[
        list[str] | None,
        typer.Option(
            help="The build of both sides, when A and B are not builds. [default: nano-paper] With --resume: the "
            "folder of each build that lies outside the data root."
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=1,
            callback=finite,
            help=f"Stop after this many device-seconds, verdict or not. [default: {BUDGET_S:.0f}]",
        ),
    ] = None,
    all_pairs: Annotated[
        bool,
        typer.Option(
            "--all-pairs",
            help=f"Measure all {MOST_PAIRS} pairs and judge once: for a figure to quote, which no early stop made "
            "look larger.",
        ),
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the pairs' order; drawn and recorded if left out.")
    ] = None,
    profile: Annotated[
        Profile | None,
        typer.Option(help="How much the lab changes on a phone, as for `lab run`. [default: observe]"),
    ] = None,
    runs: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="RUN_A RUN_B", help="Measure nothing: the bare ratio of two finished runs."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume a comparison: the newest that can be resumed, or the one whose id starts with A.",
        ),
    ] = False,
    data: Data = DATA,
    wait: Wait = WAIT_S,
    html: Annotated[
        Path | None, typer.Option(help="Also write one page: raw dots, every pair, both contexts.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write sentences and figures as Markdown.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Say whether B is worse than A: measured in turn on one device, pair by pair, until the verdict stands.

    Half of the pairs begin with A, drawn by the seed. Every cell of the scenario is its own comparison and
    is not measured further once its verdict stands. The number of interim looks is fixed in advance. A device
    judges builds only after it has repeated its own reference cell within 5 % (for a day, in one boot).

    Exit status 1 when a cell regressed, after Holm's correction for the number of cells; 2 when the lab failed, or
    when A and B differ in more than what is compared.

    Every trial is saved as it ends. After Ctrl-C or kill -9 resume with `lab compare --resume`.
    """
    only_one(json=as_json, csv=as_csv)
    if as_json or as_csv:
        refuse("--json and --csv print what is known, and write no file", html=html, markdown=markdown)
    store = opened(data)
    sides: tuple[Side, Side] | None = None
    ended: LabError | None = None
    plan = {
        "all-pairs": all_pairs or None,
        "scenario": scenario,
        "device": device,
        "budget": budget,
        "seed": seed,
        "profile": profile,
    }
    if runs is not None:
        refuse(
            "--runs takes two runs as they were measured",
            A=baseline,
            B=candidate,
            resume=resume or None,
            build=build or None,
            **plan,
        )
        found = judge_runs(store, store.run(runs[0]), store.run(runs[1]), differs or "build")
    elif resume:
        refuse("--resume keeps what was decided at the start", B=candidate, differs=differs, **plan)
        found, sides = resumed(store, baseline, build or [], terms_of(store, wait, tell=tell))
        found, ended = (found, None) if sides is None else _measured(found, sides, html, markdown)
    else:
        if baseline is None or candidate is None:
            raise RunError(
                "wanted what to compare: `lab compare A B --scenario NAME`, or --runs RUN_A RUN_B, or --resume"
            )
        if len(build or []) > 1:
            raise RunError("--build: wanted one build for both sides; two builds to compare are A and B")
        wanted = Wanted(
            (baseline, candidate),
            differs or "build",
            one_scenario(scenario),
            device or "host",
            next(iter(build or []), None),
            profile or "observe",
        )
        sides = sides_of(store, wanted, terms_of(store, wait, tell=tell))
        found, _, _ = open_comparison(
            baseline=sides[0],
            candidate=sides[1],
            dimension=wanted.differs,
            looks=Looks(first=MOST_PAIRS) if all_pairs else None,
            seed=secrets.randbelow(2**31) if seed is None else seed,
            budget_s=BUDGET_S if budget is None else budget,
        )
        found, ended = _measured(found, sides, html, markdown)
    outside = [side.bench.build for side in sides or ()]
    try:
        shown = print_comparison(
            store, found, outside, as_json=as_json, as_csv=as_csv, html=html, markdown=markdown
        )
    except LabError as error:
        raise _to_resume(ended or error, found, sides, told=False) from error
    if ended is not None:
        raise _to_resume(ended, found, sides, told=bool(found.failure) and not as_csv) from ended
    _status(found, shown)


def _resume(comparison: Comparison, sides: tuple[Side, Side]) -> str:
    """Return the command that resumes a comparison."""
    builds = dict.fromkeys(build_option(side.bench) for side in sides)
    option = data_option(sides[0].bench.store.root)
    return f"{program()} compare --resume {comparison.id}{option}{''.join(builds)}"


def _to_resume(error: LabError, found: Comparison, sides: tuple[Side, Side] | None, *, told: bool) -> LabError:
    """Return the error of a comparison with the command that resumes it; where `told` on stdout, in short."""
    if sides is None or found.status == "finished":
        return error
    short = f"the comparison ended early: why stands above, and `lab show {found.id[:13]}` prints it again"
    words = short if told else str(error)
    return type(error)(f"{words}\nTo resume the comparison: {_resume(found, sides)}")


def _measured(
    comparison: Comparison, sides: tuple[Side, Side], html: Path | None, markdown: Path | None
) -> tuple[Comparison, LabError | None]:
    """Measure what a comparison lacks, with progress; return it with the error that ended it early, if one did.

    Leaves with status 2 when interrupted.
    """
    store = sides[0].bench.store
    try:
        measure_pairs(comparison, *sides)
    except KeyboardInterrupt:
        lacking = completed(unwritten(comparison.id, html=html, markdown=markdown))
        words = f"\nInterrupted; every finished trial is saved. To resume: {_resume(comparison, sides)}{lacking}"
        typer.echo(words, err=True)
        raise typer.Exit(2) from None
    except LabError as error:
        if store.comparison(comparison.id).differs:
            raise
        return store.comparison(comparison.id), error
    return store.comparison(comparison.id), None


def measure_pairs(comparison: Comparison, baseline: Side, candidate: Side) -> None:
    """Measure the pairs that a comparison lacks, with progress."""
    store = baseline.bench.store
    names = names_of(comparison, store.run(comparison.baseline_run), store.run(comparison.candidate_run))
    title = f"{comparison.scenario} on {comparison.device}: {names[1]} against {names[0]}"
    total, done = comparison.looks_most * len(comparison.cells), sum(each.pairs for each in comparison.cells)
    sides = (baseline, candidate)
    with (
        at_work([side.bench for side in sides]) as (benches, display),
        display.steps(title, total, done) as (watch, end, left),
    ):
        first, second = (replace(side, bench=bench) for side, bench in zip(sides, benches, strict=True))
        with closing(measure(comparison, first, second, watch=watch, tell=display.say)) as steps:
            for step in steps:
                end(pair_words(step, names), sum(each.pairs for each in step.comparison.cells))
                left(left_words(step))


def _status(comparison: Comparison, found: View | None) -> None:
    """Leave with status 1 when a comparison regressed, 2 when nothing could be compared."""
    if found is None or found.refusal:
        raise typer.Exit(2)
    if found.fails:
        raise Regressed
    if all(each.pairs == 0 for each in comparison.cells):
        raise RunError(f"comparison {comparison.id} could judge nothing: it has no valid pair; why stands above")
